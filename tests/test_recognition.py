"""The recognizer: noisy-or by hand, names in both languages, doubts about captions, training, measures by hand."""

import json
import os
import signal

import pytest
import torch
from PIL import Image

from pipelines import checkpoint
from pipelines.__main__ import main
from pipelines.errors import InputError
from pipelines.recognition import Recognizer, load_recognizer, probabilities
from tabs.recognize import recognition_card
from training import cross_validate, evaluate, train_recognizer
from training.concepts import TABLE, labels, mine, taken_on
from training.data import Record
from training.evaluate_recognition import neighbours
from training.recognition_metrics import LEAST_SHOWN, average_precision, best_thresholds, doubt_levels, scores
from training.train_recognizer import multi_label_loss, with_levels

RED, BLUE = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))


def test_a_concept_is_seen_where_one_cell_shows_it():
    cells = torch.tensor([[[-20.0, 0.0], [3.0, 0.0]]])
    by_hand = torch.tensor([[torch.sigmoid(torch.tensor(3.0)), 0.75]])
    assert torch.allclose(probabilities(cells), by_hand, atol=1e-5)


def test_the_loss_is_the_cross_entropy_of_what_is_judged():
    cells = torch.randn(3, 4, 5)
    named, judged = (torch.rand(3, 5) > 0.5).float(), torch.rand(3, 5) > 0.3
    by_hand = torch.nn.functional.binary_cross_entropy(probabilities(cells)[judged], named[judged])
    assert multi_label_loss(cells, named, judged).item() == pytest.approx(by_hand.item(), abs=1e-4)


def test_smoothed_labels_are_mixed_with_their_opposite():
    cells = torch.randn(3, 4, 5)
    named, judged = (torch.rand(3, 5) > 0.5).float(), torch.ones(3, 5)
    plain, opposite = multi_label_loss(cells, named, judged), multi_label_loss(cells, 1 - named, judged)
    smoothed = multi_label_loss(cells, named, judged, label_smoothing=0.2)
    torch.testing.assert_close(smoothed, 0.9 * plain + 0.1 * opposite)


def test_pictures_get_ranked_groups_alone_or_together(recognizing_weights):
    recognize = load_recognizer()
    found, alone = recognize([RED, BLUE]), recognize([BLUE])
    assert [len(x) for x in (found[0].objects, found[0].attributes, found[0].actions)] == [3, 1, 2]
    assert [c.probability for c in found[0].objects] == sorted((c.probability for c in found[0].objects), reverse=True)
    assert {c.en: c.probability for c in alone[0].concepts} == pytest.approx(
        {c.en: c.probability for c in found[1].concepts}, abs=0.02
    )
    assert found[0].objects[0].heat.shape == (7, 7)
    assert sum(c.probability for c in found[0].imagenet) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("images", [[], [None]])
def test_bad_input(recognizing_weights, images):
    with pytest.raises(InputError) as caught:
        load_recognizer()(images)
    assert caught.value.code == "image_missing"


def test_another_encoder_is_said(recognizing_weights):
    folder = recognizing_weights / "recognizer"
    Recognizer(6, 16, image_encoder="other").save_pretrained(folder)
    checkpoint.write_checksums(folder)
    with pytest.raises(InputError) as caught:
        load_recognizer()
    assert caught.value.code == "weights_mismatch"


@pytest.mark.parametrize("name", ["nowhere", "gan"])
def test_a_folder_without_a_recognizer_is_said(recognizing_weights, name):
    with pytest.raises(InputError) as caught:
        load_recognizer(str(recognizing_weights / name))
    assert caught.value.code == "model_kind"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Two dogs running", {"dog", "running"}), ("a reddish cat", set()), ("一朵红色的花", {"red", "flower"}),
        ("狗接住飞盘", {"dog", "frisbee"}), ("飞", {"flying"}), ("", set()),
    ],
)  # fmt: skip
def test_texts_name_concepts_in_both_languages(recognizing_weights, text, named):
    assert load_recognizer().named(text) == named


def test_words_without_a_trace_in_the_picture_are_doubted(recognizing_weights):
    recognize = load_recognizer()
    (found,) = recognize([RED])  # tiny levels: "dog", "running" and "flying" are always doubted
    assert recognize.doubts(found, ["a", "red", "dog", "runs"]) == [False, False, True, True]
    assert recognize.doubts(found, list("狗咬飞盘")) == [True, False, False, False]


def test_the_card_shows_every_group_in_both_languages(recognizing_weights):
    (found,) = load_recognizer()([RED])
    english, chinese = (recognition_card(RED, found, language) for language in ("en", "zh"))
    assert english.count('class="veil"') == chinese.count('class="veil"') == 9
    assert english.count(" checked") == 1
    assert "frisbee" in english
    assert "金鱼" in chinese
    assert ">飞盘<" in chinese


def test_the_command_line_goes_on_after_a_file_that_cannot_be_read(recognizing_weights, tmp_path, capsys):
    RED.save(tmp_path / "red.png")
    folder = str(recognizing_weights / "recognizer")
    assert main(["recognize", str(tmp_path / "none.png"), str(tmp_path / "red.png"), "--model", folder, "--json"]) == 1
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "error" in first
    assert {c["en"] for c in second["objects"]} == {"flower", "dog", "frisbee"}


def test_the_table_names_every_word_once_in_a_group():
    rows = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()[1:]]
    assert all(len(row) == 6 and all(row[:4]) for row in rows)
    assert len({row[1] for row in rows}) == len(rows)
    assert {row[0] for row in rows} == {"object", "attribute", "action"}
    assert all(row[1] in row[3].split() or "-" in row[1] for row in rows)


def test_concepts_come_from_captions_and_know_which_sets_judge_them():
    records = [Record(str(k), "flickr8k", b"", ("A dog runs.", "the dog is running")) for k in range(3)]
    records += [Record(str(k), "birds", b"", ("a black line runs", "a sparrow")) for k in range(3)]
    concepts = {c["en"]: c for c in mine(records, min_count=3, min_count_in_set=2)}
    assert concepts.keys() == {"dog", "running", "black", "sparrow"}
    assert concepts["dog"]["domains"] == ["birds", "flickr8k"]  # a bird that nobody calls a dog is none
    assert concepts["running"]["domains"] == ["flickr8k"]  # a line runs, a bird does not
    assert concepts["sparrow"]["domains"] == ["birds", "flickr8k"]
    assert concepts["black"]["domains"] == ["birds"]  # nobody told the dogs' colours
    named, judged = labels(records, list(concepts.values()))
    assert (named * judged).sum().item() == 12
    assert judged.sum(0).tolist() == [6, 6, 3, 3]


def test_a_checkpoints_concepts_are_judged_by_ones_own_pictures_too():
    old = [Record(str(k), "birds", b"", ("a black sparrow runs",)) for k in range(3)]
    own = [Record(str(k), "mine", b"", ("a black dog",)) for k in range(3)]
    known = {c["en"]: c["domains"] for c in taken_on(own, mine(old, 1, 3), 1, 3)}
    assert known == {"sparrow": ["birds", "mine"], "black": ["birds", "mine"]}
    few = {c["en"]: c["domains"] for c in taken_on(own[:2], mine(old, 3, 3), 3, 3)}
    assert (few["black"], few["sparrow"]) == (["birds"], ["birds", "mine"])


def test_what_few_validation_pictures_show_keeps_the_levels_it_came_with():
    concepts = [{"en": "dog", "threshold": 0.3, "doubt": 0.1}] * 2 + [{"en": "cat"}]
    seen = torch.full((LEAST_SHOWN, 3), 0.8)
    named = torch.ones(LEAST_SHOWN, 3)
    named[0, 1:] = 0
    known = with_levels(concepts, seen, named, torch.ones_like(named, dtype=torch.bool))
    assert [(c["threshold"], c["doubt"]) for c in known] == [(0.8, 0.8), (0.3, 0.1), (0.8, 0.8)]


def test_measures_by_hand():
    probability = torch.tensor([[0.9, 0.2], [0.6, 0.8], [0.4, 0.1], [0.3, 0.7]])
    named = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    judged = torch.tensor([[True, True], [True, True], [True, True], [True, False]])
    assert average_precision(probability[:, 0], named[:, 0]) == pytest.approx((1 + 2 / 3) / 2)
    many = [x.repeat(LEAST_SHOWN, 1) for x in (probability, named, judged)]
    assert best_thresholds(*many).tolist() == pytest.approx([0.4, 0.8])
    figures = scores(probability, named, judged, torch.tensor([0.4, 0.8]))
    assert figures["precision"] == pytest.approx(3 / 4)
    assert figures["recall"] == 1
    assert figures["macro_f1"] == pytest.approx((0.8 + 1) / 2)
    assert figures["accuracy"] == pytest.approx(6 / 7)
    assert figures["map"] == pytest.approx((5 / 6 + 1) / 2)
    assert doubt_levels(probability, named, judged).tolist() == pytest.approx([0.4 + 0.05 * 0.5, 0.8])


def test_a_concept_that_no_picture_shows_spoils_nothing():
    probability, named, judged = torch.rand(4, 2), torch.tensor([[0.0, 1.0]] * 4), torch.ones(4, 2, dtype=torch.bool)
    figures = scores(probability, named, judged, best_thresholds(probability, named, judged))
    assert figures["num_concepts"] == 1
    assert all(value == value for value in figures.values())
    assert doubt_levels(probability, named, judged)[0] == 0


def test_a_concept_that_few_pictures_show_has_the_threshold_of_all():
    """Its own best would be 0, which every picture reaches."""
    probability = torch.cat([torch.zeros(4, 1), torch.tensor([[0.9], [0.7], [0.2], [0.1]])], 1).repeat(LEAST_SHOWN, 1)
    named = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]).repeat(LEAST_SHOWN, 1)
    named[:2, 0] = 1
    found = best_thresholds(probability, named, torch.ones_like(named, dtype=torch.bool))
    assert found.tolist() == pytest.approx([0.7, 0.7])


def test_neighbours_vote():
    known = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.9, 0.1], [-0.9, -0.1]])
    named = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    assert neighbours(known, known[:1], named).shape == (1, 1)


def test_what_training_writes_is_measured(recognizing_weights, captioned_folder, tmp_path, capsys):
    train_recognizer.main([
        "--preset", "tiny", "--data", str(captioned_folder), "--output_dir", str(tmp_path / "run"),
        "--weights_dir", str(tmp_path / "weights-of-run"),
    ])  # fmt: skip
    found = load_recognizer(str(tmp_path / "weights-of-run"))([RED])[0]
    assert {c.en for c in found.attributes} == {"red", "yellow", "blue"}
    (tmp_path / "weights-of-run").rename(recognizing_weights / "mine")
    evaluate.main(["recognition", "--model", "mine", "--data", str(captioned_folder)])
    figures = json.loads((recognizing_weights / "mine" / "metrics.json").read_text())["figures"]
    assert figures["recognizer"]["all"].keys() == figures["base rate"]["all"].keys()
    assert figures["recognizer"]["action"] == {"num_concepts": 0}
    assert 0 <= figures["nearest neighbours"]["all"]["map"] <= 1


def test_it_goes_on_from_a_checkpoint_on_ones_own_pictures(recognizing_weights, captioned_folder, tmp_path):
    own = captioned_folder.rename(tmp_path / "mine")
    start = ["--preset", "tiny", "--data", str(own), "--init_from", str(recognizing_weights / "recognizer")]
    start += ["--output_dir", str(tmp_path / "run"), "--weights_dir", str(tmp_path / "on")]
    train_recognizer.main(start)
    assert all(json.loads(line)["loss"] > 0 for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines())
    known = {c["en"]: c for c in json.loads((tmp_path / "on" / "concepts.json").read_text())}
    assert known["flower"]["domains"] == ["mine", "pictures"]
    assert known["dog"]["doubt"] == 1.1  # as the checkpoint has it: one validation picture tells nothing
    table = own / "metadata.jsonl"
    table.write_text(table.read_text(encoding="utf-8").replace("flower", "thing").replace("red", "odd"))
    with pytest.raises(InputError) as caught:
        train_recognizer.main([*start, "--output_dir", str(tmp_path / "nothing")])
    assert (caught.value.code, caught.value.values["count"]) == ("concepts_none", 1)


def test_too_few_of_anything_to_learn_is_said(recognizing_weights, captioned_folder):
    with pytest.raises(InputError) as caught:
        train_recognizer.main(["--preset", "tiny", "--data", str(captioned_folder), "--min_count", "1000"])
    assert caught.value.code == "concepts_none"


def test_cross_validation_gives_the_mean_over_the_folds(recognizing_weights, captioned_folder, tmp_path):
    arguments = ["recognizer", "--folds", "2", "--out", str(tmp_path / "folds"), "--preset", "tiny", "--max_steps", "2"]
    cross_validate.main([*arguments, "--data", str(captioned_folder)])
    card = json.loads((tmp_path / "folds" / "recognizer.json").read_text())
    assert len(card["of_each"]) == 2
    assert card["figures"]["map"]["mean"] == pytest.approx(sum(f["map"] for f in card["of_each"]) / 2, abs=1e-4)
    assert {name for figures in (card["figures"], *card["of_each"]) for name in figures} == {"map", "num_concepts"}


def test_a_signal_ends_the_whole_cross_validation(tmp_path, monkeypatch):
    trained = []

    def told_to_end(arguments: list[str]) -> None:
        trained.append(arguments)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setitem(cross_validate.TRAINERS, "recognizer", told_to_end)
    with pytest.raises(InputError) as caught:
        cross_validate.main(["recognizer", "--out", str(tmp_path)])
    assert (caught.value.code, caught.value.values["fold"], len(trained)) == ("folds_stopped", 0, 1)
