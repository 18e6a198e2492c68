"""The page shows the committed cards: every figure of them, in both languages, and nothing where a card is missing."""

import json
from pathlib import Path

import pytest

from pipelines import checkpoint
from tabs.charts import evenly
from tabs.i18n import text
from tabs.results import losses, number, results_html, sweep

SHIPPED = Path(__file__).resolve().parents[2] / "weights"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_shipped_cards_are_shown_with_their_commands(language, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", SHIPPED)
    shown = results_html(language)
    for name in ("gan", "diffusion", "transformer", "lstm", "recognizer", "alignment"):
        assert json.loads((SHIPPED / name / "metrics.json").read_text())["command"] in shown
    score = json.loads((SHIPPED / "transformer" / "metrics.json").read_text())["figures"]["flickr8k en"]["cider_d"]
    assert number(score) in shown
    assert number(score, interval=[0.5, 0.55]) == f"{number(score)} (0.500–0.550)"
    assert "None" not in shown


def test_curves_are_drawn_in_the_language_of_the_page(monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", SHIPPED)
    drawn, settings = sweep("zh"), json.loads((SHIPPED / "diffusion" / "sweep.json").read_text())
    assert drawn.count("<polyline") == 4
    assert drawn.count("<circle") == 2 * (len(settings["guidance"]) + len(settings["steps"]))
    assert text("create.guidance", "zh") in drawn
    assert evenly([3, 1, 2]) == [(0, 1), (0.5, 0), (1, 0.5)]
    assert evenly([2]) == [(0, 0)]


def test_what_each_loss_made_is_named_in_the_language_of_the_page(monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", SHIPPED)
    shown = losses("zh")
    assert shown.count("<img") == 6
    assert shown.count("无批归一化") == 3
    worst = max(r["frechet_distance"] for r in json.loads((SHIPPED / "mlp-gan" / "losses.json").read_text())["runs"])
    assert number(worst) in shown


def test_without_cards_nothing_breaks(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    assert "<code>" not in results_html("en")


def test_numbers_are_short():
    assert [number(x) for x in (331.2, 0.4631, None)] == ["331", "0.463", "–"]
    assert number(0.7366, share=True) == "73.7 %"
