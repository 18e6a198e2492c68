"""The text encoder's training with a tiny BERT as the teacher: the loss is what it says, what is written loads."""

import json

import pytest
import torch
import torch.nn.functional as F

from pipelines.errors import InputError
from pipelines.text_encoder import PromptEncoder
from training import bilingual_text, train_text_encoder
from training.config import hardware
from training.data import Record, read
from training.metadata import encode, read_rows
from training.train_text_encoder import Teacher, distillation_loss


def test_training_writes_an_encoder_that_loads(teacher, text_folder, captioned_folder, tmp_path):
    with open(text_folder / bilingual_text.TRANSLATIONS, "a") as file:  # of the picture that is validated on
        file.write("\n" + json.dumps({"id": "9.jpg", "en": ["a xylograph"], "zh_machine": ["木刻"]}))
    train_text_encoder.main([
        "--preset", "tiny", "--data", str(captioned_folder), "--text", str(text_folder), "--teacher", str(teacher),
        "--output_dir", str(tmp_path / "run"), "--weights_dir", str(tmp_path / "weights"), "--log_every", "10",
    ])  # fmt: skip
    encoder = PromptEncoder(tmp_path / "weights")
    assert encoder(["a red flower", "黄色的花"])[2].shape == (2, 384)
    metrics = json.loads((tmp_path / "weights" / "metrics.json").read_text())
    assert metrics["figures"]["num_pairs"] == 1
    assert metrics["hardware"] == hardware()
    assert told(tmp_path) == [1, 1]  # of validation, while it trains
    assert not {"xylograph", "zqxv"} & encoder.words


def test_captions_in_both_languages_do_without_further_text(teacher, captioned_folder, tmp_path):
    rows = read_rows(captioned_folder / "metadata.jsonl")
    rows[9] |= {"captions": ["a xylograph"], "captions_zh": []}  # validated on, but in one language alone
    (captioned_folder / "metadata.jsonl").write_bytes(encode(rows))
    train_text_encoder.main([
        "--preset", "tiny", "--data", str(captioned_folder), "--teacher", str(teacher),
        "--output_dir", str(tmp_path / "run"), "--weights_dir", str(tmp_path / "weights"), "--log_every", "10",
    ])  # fmt: skip
    metrics = json.loads((tmp_path / "weights" / "metrics.json").read_text())
    assert metrics["figures"]["num_pairs"] == 2
    assert "own" in metrics["split"]
    assert told(tmp_path) == [None, None]
    assert "xylograph" not in PromptEncoder(tmp_path / "weights").words


def told(tmp_path) -> list[int | None]:
    """How many pairs each look of the run was at."""
    lines = [json.loads(line) for line in (tmp_path / "run" / "progress.jsonl").read_text().splitlines()]
    return [line.get("num_pairs") for line in lines]


@pytest.mark.parametrize(("text", "code"), [("nowhere", "no_translations"), ("", "no_bilingual_test")])
def test_without_pairs_to_be_judged_by_there_is_a_sentence(captioned_folder, tmp_path, text, code):
    rows = [{**row, "captions_zh": []} for row in read_rows(captioned_folder / "metadata.jsonl")]
    (captioned_folder / "metadata.jsonl").write_bytes(encode(rows))
    text = ["--text", str(tmp_path / text)] if text else []
    with pytest.raises(InputError) as caught:
        train_text_encoder.main(["--data", str(captioned_folder), "--output_dir", str(tmp_path / "run"), *text])
    assert caught.value.code == code


def test_pairs_are_those_of_the_split(captioned_folder, text_folder):
    records = read(captioned_folder)
    pairs = {split: bilingual_text.held_out_pairs(records, None, split) for split in ("validation", "test")}
    assert pairs["validation"] == [("a red flower", "红色的花")]
    assert pairs["test"] == [("a yellow flower", "黄色的花"), ("a blue flower", "蓝色的花")]
    assert bilingual_text.held_out_pairs(records, text_folder, "test") == [("a dog", "狗")]
    assert bilingual_text.held_out_pairs(records, text_folder, "validation") == []


def test_the_loss_falls_as_the_student_nears_the_teacher():
    generator = torch.Generator().manual_seed(0)
    targets, noise = (F.normalize(torch.randn(8, 16, generator=generator), dim=1) for _ in range(2))
    same = torch.eye(8, dtype=torch.bool)
    losses = [
        distillation_loss(F.normalize(w * targets + (1 - w) * noise, dim=1), targets, same, 0.05).item()
        for w in (0.0, 0.5, 0.8, 1.0)
    ]
    assert losses == sorted(losses, reverse=True)


def test_sentences_of_one_meaning_are_no_negatives_of_each_other():
    target = F.normalize(torch.ones(2, 4), dim=1)
    different, one_meaning = torch.eye(2, dtype=torch.bool), torch.ones(2, 2, dtype=torch.bool)
    assert distillation_loss(target, target, one_meaning, 0.05) < 1e-4
    assert distillation_loss(target, target, different, 0.05) > 0.6


def test_two_halves_of_a_batch_are_pushed_away_from_the_whole_of_it():
    student, target = (F.normalize(torch.randn(8, 16), dim=1) for _ in range(2))
    same = torch.eye(8, dtype=torch.bool)
    halves = [distillation_loss(student[k : k + 4], target, same[k : k + 4], 0.05, k) for k in (0, 4)]
    torch.testing.assert_close(sum(halves) / 2, distillation_loss(student, target, same, 0.05))


def test_a_teachers_vectors_have_length_one_and_are_kept(teacher, tmp_path):
    follow = Teacher(teacher, tmp_path / "cache")
    vectors = follow(["a red bird", "a flower"])
    torch.testing.assert_close(vectors.float().norm(dim=1), torch.ones(2), atol=1e-3, rtol=0)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert torch.equal(follow(["a red bird", "a flower"]), vectors)


def test_chinese_captions_follow_the_english_of_their_picture(captioned_folder):
    pairs = dict(bilingual_text.caption_pairs(read(captioned_folder)[:1]))
    assert pairs["红色的花"] == ["a red flower", "this flower is red"]
    assert pairs["a red flower"] == ["a red flower"]


def test_chinese_captions_without_english_ones_to_follow_are_left_out():
    records = [Record("a", "mine", b"", (), ("红花",)), Record("b", "mine", b"", ("a rose",), ("花",), facts={
        "caption_zh_source": None})]  # fmt: skip
    assert list(bilingual_text.caption_pairs(records)) == [("a rose", ["a rose"]), ("花", ["a rose"])]


def test_authored_captions_follow_their_class_of_which_0_is_one():
    authored = {"caption_zh_source": "authored"}
    said = (("one", {"label": 0}), ("two", {"label": 0}), ("three", {}))
    records = [Record(c, "mine", b"", (c,), (f"{c}。",), facts=facts | authored) for c, facts in said]
    pairs = dict(bilingual_text.caption_pairs(records))
    assert pairs["one。"] == pairs["two。"] == ["one", "two"]
    assert pairs["three。"] == ["three"]


def test_phrases_name_class_0_too():
    records = [Record("a", "mine", b"", facts={"label": 0, "label_zh": "零"}), Record("b", "mine", b"")]
    phrases = list(bilingual_text.phrase_pairs(records, 0, seed=0))
    assert ("零", ["0"]) in phrases
    assert all(sentence for sentence, _ in phrases)


def test_phrases_come_in_both_languages_and_repeat_for_a_seed(captioned_folder):
    records = read(captioned_folder)
    phrases = list(bilingual_text.phrase_pairs(records, 50, seed=1))
    assert phrases == list(bilingual_text.phrase_pairs(records, 50, seed=1))
    assert ("红色", ["red"]) in phrases
    for (english, own), (_, twins) in zip(phrases[-100::2], phrases[-99::2], strict=True):
        assert own == twins == [english]
