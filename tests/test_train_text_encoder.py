"""The text encoder's training with a tiny BERT as the teacher: the loss is what it says, what is written loads."""

import json
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from pipelines.errors import InputError
from pipelines.text_encoder import PromptEncoder
from training import bilingual_text, train_text_encoder
from training.data import read
from training.train_text_encoder import Teacher, distillation_loss


def test_training_writes_an_encoder_that_loads(teacher, text_folder, captioned_folder, tmp_path):
    train_text_encoder.main([
        "--preset", "tiny", "--data", str(captioned_folder), "--text", str(text_folder), "--teacher", str(teacher),
        "--output_dir", str(tmp_path / "run"), "--weights_dir", str(tmp_path / "weights"),
    ])  # fmt: skip
    encoder = PromptEncoder(tmp_path / "weights")
    assert encoder(["a red flower", "黄色的花"])[2].shape == (2, 384)
    metrics = json.loads((tmp_path / "weights" / "metrics.json").read_text())
    assert metrics["figures"]["num_pairs"] == 1
    assert "zqxv" not in encoder.words


def test_captions_in_both_languages_do_without_further_text(teacher, captioned_folder, tmp_path):
    train_text_encoder.main([
        "--preset", "tiny", "--data", str(captioned_folder), "--teacher", str(teacher),
        "--output_dir", str(tmp_path / "run"), "--weights_dir", str(tmp_path / "weights"),
    ])  # fmt: skip
    metrics = json.loads((tmp_path / "weights" / "metrics.json").read_text())
    assert metrics["figures"]["num_pairs"] == 2
    assert "own" in metrics["split"]


@pytest.mark.parametrize(("text", "code"), [("nowhere", "no_translations"), ("", "no_bilingual_test")])
def test_without_pairs_to_be_judged_by_there_is_a_sentence(captioned_folder, tmp_path, text, code):
    records = [replace(r, captions_zh=()) for r in read(captioned_folder)]
    with pytest.raises(InputError) as caught:
        bilingual_text.held_out_pairs(records, tmp_path / text if text else None)
    assert caught.value.code == code


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


def test_phrases_come_in_both_languages_and_repeat_for_a_seed(captioned_folder):
    records = read(captioned_folder)
    phrases = list(bilingual_text.phrase_pairs(records, 50, seed=1))
    assert phrases == list(bilingual_text.phrase_pairs(records, 50, seed=1))
    assert ("红色", ["red"]) in phrases
    for (english, own), (_, twins) in zip(phrases[-100::2], phrases[-99::2], strict=True):
        assert own == twins == [english]
