"""The aligner: probabilities for pictures and texts, captions made wrong by a word, measures against values by hand."""

import json
import random

import pytest
import torch
from PIL import Image

from pipelines import checkpoint
from pipelines.__main__ import main
from pipelines.alignment import Aligner, load_aligner
from pipelines.errors import InputError
from training import train_alignment
from training.data import Record
from training.evaluate_alignment import bag_of_words, calibration, retrieval
from training.hard_negatives import COLOURS, swapped
from training.train_alignment import captions_of, contrastive_loss, fit_calibration, judged_pairs

RED, BLUE = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))
FLOWER = Record("1", "flowers", b"", ("a red flower", "two red petals"), ("一朵红色的花",))


def test_every_picture_meets_every_text(aligned_weights):
    align = load_aligner()
    scores = align([RED, BLUE], ["a red flower", "一朵黄色的花", "a dog"])
    assert scores.shape == (2, 3)
    assert scores.dtype == torch.float32
    assert 0 <= scores.min() <= scores.max() <= 1
    assert torch.allclose(scores[1:, 2:], align([BLUE], ["a dog"]), atol=0.01)
    assert torch.allclose(scores, align([RED, BLUE], ["a red flower", "一朵黄色的花", "a dog"]))


@pytest.mark.parametrize(
    ("images", "texts", "code"),
    [
        ([], ["a dog"], "image_missing"), ([None], ["a dog"], "image_missing"), ([RED], [], "prompt_empty"),
        ([RED], ["a dog", " "], "prompt_empty"), ([RED], ["жёлтый"], "prompt_language"),
    ],
)  # fmt: skip
def test_bad_input(aligned_weights, images, texts, code):
    with pytest.raises(InputError) as caught:
        load_aligner()(images, texts)
    assert caught.value.code == code


def test_another_encoder_is_said(aligned_weights):
    Aligner(width=16, token_size=16, text_encoder="other", image_encoder="other").save_pretrained(
        aligned_weights / "alignment"
    )
    checkpoint.write_checksums(aligned_weights / "alignment")
    with pytest.raises(InputError) as caught:
        load_aligner()
    assert caught.value.code == "weights_mismatch"


def test_padding_changes_nothing(aligned_weights):
    align = load_aligner()
    alone, beside = align.embed_texts(["a dog"]), align.embed_texts(["a dog", "a yellow flower with a dark centre"])
    assert torch.allclose(alone[0], beside[0], atol=0.02)


def test_the_command_line_gives_a_score_for_each_text(aligned_weights, tmp_path, capsys):
    RED.save(tmp_path / "red.png")
    file = str(tmp_path / "red.png")
    assert main(["align", file, "a red flower", "黑猫", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["file"] == file
    assert result["scores"].keys() == {"a red flower", "黑猫"}


def test_training_learns_and_is_read_again(aligned_weights, captioned_folder, tmp_path):
    def run(name: str, *flags: str) -> Aligner:
        train_alignment.main([
            "--preset", "tiny", "--data", str(captioned_folder), "--output_dir", str(tmp_path / name),
            "--weights_dir", str(tmp_path / f"{name}-weights"), *flags,
        ])  # fmt: skip
        return Aligner.from_pretrained(tmp_path / f"{name}-weights")

    cosine = run("cosine").state_dict()
    constant = run("constant", "--lr_scheduler", "constant").state_dict()
    assert any(not torch.equal(x, constant[name]) for name, x in cosine.items())
    assert load_aligner(str(tmp_path / "cosine-weights"))([RED], ["a red flower"]).shape == (1, 1)


def test_the_loss_asks_for_the_own_caption_among_all_and_the_wrong_one():
    logits, none = torch.tensor([[2.0, -1.0], [0.5, 3.0]]), torch.full((2,), -torch.inf)
    ways = torch.tensor([[2.0, -1.0], [3.0, 0.5], [2.0, 0.5], [3.0, -1.0]])  # the right logit first
    by_hand = (ways.logsumexp(1) - ways[:, 0]).mean()
    assert contrastive_loss(logits, torch.eye(2), none).item() == pytest.approx(by_hand.item())
    assert contrastive_loss(logits, torch.eye(2), torch.zeros(2)) > by_hand
    assert contrastive_loss(logits, torch.ones(2, 2), none).item() == 0  # each text is said of both pictures


def test_calibration_mends_logits_that_are_too_sure():
    torch.manual_seed(0)
    true = torch.randn(20_000) * 2
    labels = torch.bernoulli(torch.sigmoid(true))
    slope, shift = fit_calibration(3 * true + 1, labels)
    assert slope.item() == pytest.approx(1 / 3, rel=0.1)
    assert shift.item() == pytest.approx(-1 / 3, abs=0.1)


def test_expected_calibration_error_by_hand():
    probability = torch.tensor([0.05, 0.05, 0.95, 0.95])
    figures = calibration(probability, torch.tensor([0.0, 1.0, 1.0, 1.0]))
    assert figures["expected_calibration_error"] == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)
    assert figures["accuracy"] == 0.75
    assert [b["num_pairs"] for b in figures["curve"]] == [2, 2]


def test_retrieval_by_hand():
    records = [Record(str(k), "d", b"", (text,)) for k, text in enumerate(("a", "b", "b", "c"))]
    scores = torch.tensor([[0.1, 0.9, 0, 0], [0, 0.2, 0.8, 0], [0, 0, 1, 0], [0.5, 0, 0, 0.6]])
    figures = retrieval(scores, records, ["a", "b", "b", "c"])
    assert figures["picture to text R@1"] == 0.75   # the first picture finds "b"; to the second, either "b" is right
    assert figures["text to picture R@1"] == 0.5    # "a" finds the fourth picture, the first "b" the first
    assert figures["picture to text R@5"] == 1


def test_a_bag_of_words_finds_what_features_tell():
    records = [Record(str(k), "d", b"", (("red one", "blue two")[k % 2],)) for k in range(40)]
    features = torch.eye(2).repeat(20, 1)
    scores = bag_of_words(features, records, torch.eye(2), ["red one", "blue two"])
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]


@pytest.mark.parametrize(
    ("caption", "kind", "lost"),
    [
        ("a red flower", "colour", "red"), ("a red flower", "object", "flower"), ("two red petals", "number", "two"),
        ("一朵红色的花", "colour", "红色"), ("一朵红色的花", "object", "花"), ("一朵红色的花", "number", "一"),
    ],
)  # fmt: skip
def test_one_word_is_made_wrong_and_the_rest_stays(caption, kind, lost):
    for seed in range(20):
        wrong = swapped(caption, FLOWER, kind, random.Random(seed))
        assert lost not in wrong
        before, _, after = caption.partition(lost)
        assert wrong.startswith(before)
        assert wrong.endswith(after)


def test_no_wrong_word_is_true_after_all():
    record = Record("1", "d", b"", ("a red and white flower", "a green leaf"), ())
    seen = {swapped("a red and white flower", record, "colour", random.Random(k)) for k in range(200)}
    others = COLOURS - {"red", "white", "green"}
    assert {w for s in seen for w in s.split()} <= others | {"a", "and", "flower", "red", "white"}
    assert swapped("nothing of the kind", record, "colour", random.Random(0)) is None


def test_judged_pairs_are_half_true():
    records = [Record(str(k), "d", b"", (f"a {c} bird",)) for k, c in enumerate(sorted(COLOURS))]
    pictures, texts, labels = judged_pairs(records, 0)
    assert sum(labels) == len(records) == len(labels) / 2
    for picture, text, label in zip(pictures, texts, labels, strict=True):
        assert (text in captions_of(records[picture])) == bool(label)
