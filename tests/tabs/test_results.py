"""The page shows the committed cards: every figure of them, in both languages, and nothing where a card is missing."""

import json
from pathlib import Path

import pytest

from pipelines import checkpoint
from tabs.results import number, results_html

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


def test_without_cards_nothing_breaks(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path)
    assert "<code>" not in results_html("en")


def test_numbers_are_short():
    assert [number(x) for x in (331.2, 0.4631, None)] == ["331", "0.463", "–"]
    assert number(0.7366, share=True) == "73.7 %"
