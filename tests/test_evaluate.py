"""The evaluation command writes a card that says what was measured, on what, and by which command."""

import json
import math

import pytest

from pipelines import checkpoint
from tests.test_captioning import save_tiny_captioner
from training import evaluate, evaluate_generation


def numbers(value) -> list[float]:
    if isinstance(value, dict):
        return [n for v in value.values() for n in numbers(v)]
    return [value] if isinstance(value, int | float) else []


def measure(task: str, model: str, folder) -> dict:
    evaluate.main([task, "--model", model, "--data", str(folder), "--split", "test"])
    path = checkpoint.WEIGHTS / model
    checkpoint.verify(path, model)
    card = json.loads((path / "metrics.json").read_text())
    assert card["model_hash"] == checkpoint.weights_hash(path)
    assert all(math.isfinite(n) for n in numbers(card))
    assert str(folder.parent) not in card["command"]
    return card


def test_captions_are_scored_in_both_languages(tiny_weights, captioned_folder):
    save_tiny_captioner(tiny_weights / "lstm", "lstm", grid_size=7)
    figures = measure("captions", "lstm", captioned_folder)["figures"]
    assert set(figures) == {"pictures en", "pictures zh"}
    assert figures["pictures en"]["num_pictures"] == 2
    assert len(figures["pictures en"]["examples"]) == 2


def test_peers_need_no_model(tiny_weights, captioned_folder):
    evaluate.main(["peers", "--data", str(captioned_folder)])
    figures = json.loads((tiny_weights / "peers.json").read_text())["figures"]["pictures en"]
    # a picture of one colour has a neighbour of that colour, whose caption is its own
    assert figures["nearest training picture"]["bleu_1"] == pytest.approx(1.0)
    assert figures["most frequent caption"]["bleu_1"] < 1.0


def test_pictures_stand_beside_real_ones(aligned_weights, captioned_folder, monkeypatch):
    monkeypatch.setattr(evaluate_generation, "NUM_PICTURES", 4)
    monkeypatch.setattr(evaluate_generation, "SEEDS_A_PROMPT", 2)
    figures = measure("generation", "gan", captioned_folder)["figures"]
    assert figures["fid_efficientnet"]["model"] > figures["fid_efficientnet"]["real held-out pictures"]
    assert figures["fid_efficientnet"]["num_generated"] == 4
    assert figures["colour_obeyed"]["real held-out pictures"] == 1.0  # red and yellow, as their captions say
    assert figures["alignment"].keys() >= {"model", "real held-out pictures", "foreign prompts", "r_precision"}
    assert set(figures["category_obeyed"]) >= {"a flower", "model"}
    assert "a cat" not in figures["category_obeyed"]  # the data has none


def test_the_aligner_stands_beside_a_bag_of_words(aligned_weights, captioned_folder):
    figures = measure("alignment", "alignment", captioned_folder)["figures"]
    assert figures["pictures"]["num_pictures"] == 2
    assert figures["pictures"]["bag of words"].keys() == figures["pictures"]["aligner"].keys()
    assert figures["one word wrong"]["colour"]["num_pairs"] == 2
    assert figures["one word wrong"]["number"] == {"num_pairs": 0}
    assert 0 <= figures["calibration"]["expected_calibration_error"] <= 1
