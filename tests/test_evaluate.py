"""The evaluation command writes a card that says what was measured, on what, and by which command."""

import json
import math
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import checkpoint
from tests.test_captioning import save_tiny_captioner
from training import evaluate, evaluate_generation

ROOT = Path(__file__).resolve().parents[1]


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
    assert card["data"].keys() == {folder.name}
    return card


def test_captions_are_scored_in_both_languages(tiny_weights, captioned_folder):
    save_tiny_captioner(tiny_weights / "lstm", "lstm", grid_size=7)
    figures = measure("captions", "lstm", captioned_folder)["figures"]
    assert set(figures) == {"pictures en", "pictures zh"}
    assert figures["pictures en"]["num_pictures"] == 2
    assert len(figures["pictures en"]["examples"]) == 2


def test_the_number_of_beams_is_captions_own_and_stands_in_the_card(tiny_weights, captioned_folder, tmp_path):
    save_tiny_captioner(tiny_weights / "lstm", "lstm", grid_size=7)
    arguments = ["--data", str(captioned_folder), "--num_beams", "2", "--out", str(tmp_path / "card.json")]
    evaluate.main(["captions", "--model", "lstm", *arguments])
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["figures"]["pictures zh"]["num_beams"] == 2
    assert "--num_beams 2" in card["command"]
    with pytest.raises(SystemExit):
        evaluate.main(["generation", "--model", "gan", *arguments])


def test_peers_need_no_model(tiny_weights, captioned_folder):
    evaluate.main(["peers", "--data", str(captioned_folder)])
    figures = json.loads((tiny_weights / "peers.json").read_text())["figures"]["pictures en"]
    # a picture of one colour has a neighbour of that colour, whose caption is its own
    assert figures["nearest training picture"]["bleu_1"] == pytest.approx(1.0)
    assert figures["most frequent caption"]["bleu_1"] < 1.0


def test_pictures_stand_beside_real_ones(aligned_weights, captioned_folder, monkeypatch):
    monkeypatch.setattr(evaluate_generation, "NUM_PICTURES", 4)
    monkeypatch.setattr(evaluate_generation, "LEAST_FOR_FID", 4)
    monkeypatch.setattr(evaluate_generation, "SEEDS_A_PROMPT", 2)
    figures = measure("generation", "gan", captioned_folder)["figures"]
    assert figures["fid_efficientnet"]["num_generated"] == 4
    assert "real held-out pictures" not in figures["fid_efficientnet"]  # there are two
    assert figures["kid_efficientnet"]["model"] > figures["kid_efficientnet"]["real held-out pictures"]
    assert figures["colour_obeyed"]["real held-out pictures"] == 1.0  # red and yellow, as their captions say
    assert figures["alignment"].keys() >= {"model", "real held-out pictures", "foreign prompts", "r_precision"}
    assert set(figures["category_obeyed"]) >= {"a flower", "model"}
    assert "a cat" not in figures["category_obeyed"]  # the data has none


def test_a_distance_of_few_pictures_is_refused_and_says_why(aligned_weights, captioned_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate_generation, "SEEDS_A_PROMPT", 2)
    out = tmp_path / "card.json"
    arguments = ["generation", "--model", "gan", "--data", str(captioned_folder), "--num_pictures", "3"]
    evaluate.main([*arguments, "--out", str(out)])
    figures = json.loads(out.read_text())["figures"]
    assert figures["fid_efficientnet"].keys() == {"refused"}
    assert math.isfinite(figures["kid_efficientnet"]["model"])


@pytest.mark.parametrize(("flags", "place"), [
    ("evaluate digits --model mlp-gan --out out/card.json --data empty", "out"),
    ("sweep --out out/sweep --data empty", "out/sweep"),
    ("compare_losses --out out/losses --split empty", "out/losses"),
    ("sample_sheet --model empty", ""),
    ("cross_validate captioner --data empty", ""),
])  # fmt: skip
def test_a_command_makes_place_for_its_results_first_and_ends_with_a_sentence(flags, place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    command, *flags = flags.split()
    monkeypatch.setattr(sys, "argv", [command, *flags])
    monkeypatch.delitem(sys.modules, f"training.{command}", raising=False)
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(f"training.{command}", run_name="__main__")
    assert str(caught.value).endswith(".")
    assert (tmp_path / place).is_dir()


def test_the_aligner_stands_beside_a_bag_of_words(aligned_weights, captioned_folder):
    figures = measure("alignment", "alignment", captioned_folder)["figures"]
    assert figures["pictures"]["num_pictures"] == 2
    assert figures["pictures"]["bag of words"].keys() == figures["pictures"]["aligner"].keys()
    assert figures["one word wrong"]["colour"]["num_pairs"] == 2
    assert figures["one word wrong"]["number"] == {"num_pairs": 0}
    assert 0 <= figures["calibration"]["expected_calibration_error"] <= 1


SHARED = """
import os
from pipelines.distributed import dealt_out
print(dealt_out(lambda rows: [f"{os.environ['RANK']}{row}" for row in rows], list("abcde")))
"""


def test_processes_share_the_work_without_being_told_that_they_are_on_cpus(tmp_path):
    (tmp_path / "shared.py").write_text(SHARED)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command.append(tmp_path / "shared.py")
    environment = {k: v for k, v in os.environ.items() if k != "ACCELERATE_USE_CPU"} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.count("['0a', '1b', '0c', '1d', '0e']") == 2


@pytest.mark.parametrize(("task", "model"), [("captions", "lstm"), ("generation", "gan")])
def test_two_processes_give_the_figures_of_one(task, model, aligned_weights, captioned_folder, tmp_path):
    save_tiny_captioner(aligned_weights / "lstm", "lstm", grid_size=7)
    cards = []
    for processes in ("1", "2"):
        out = tmp_path / f"{processes}.json"
        flags = [task, "--model", model, "--data", captioned_folder, "--out", out]
        flags += ["--num_pictures", "5"] if task == "generation" else []
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", processes]
        on_cpu = {"TUWEN_WEIGHTS": str(aligned_weights), "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, *launcher, "-m", "training.evaluate", *flags], check=True, cwd=ROOT, timeout=200,
            capture_output=True, env=os.environ | on_cpu,
        )  # fmt: skip
        cards.append(json.loads(out.read_text())["figures"])
    for card in cards:
        card.pop("seconds_a_picture", None)
    assert cards[0] == cards[1]
