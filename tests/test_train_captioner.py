"""The captioners' training on a dozen pictures: each objective goes on from the last one."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines import checkpoint
from pipelines.errors import InputError
from tests.test_captioning import save_tiny_captioner
from training import merge, train_captioner
from training.data import read
from training.metadata import encode, read_rows
from training.train_captioner import CaptionerTrainingConfig, PictureSampler, Reward, self_critical_loss


def run(folder, tmp_path, name: str, *flags: str) -> dict[str, torch.Tensor]:
    train_captioner.main([
        "--preset", "tiny", "--data", str(folder), "--output_dir", str(tmp_path / name),
        "--weights_dir", str(tmp_path / f"{name}-weights"), *flags,
    ])  # fmt: skip
    return load_file(tmp_path / f"{name}-weights" / "model.safetensors")


def test_the_three_objectives_follow_each_other(captioned_folder, tmp_path):
    frozen = run(captioned_folder, tmp_path, "frozen")
    tuned = run(
        captioned_folder, tmp_path, "tuned", "--objective", "finetune", "--init_from", str(tmp_path / "frozen-weights"),
        "--encoder_learning_rate", "0.01",
    )  # fmt: skip
    run(
        captioned_folder, tmp_path, "critical", "--objective", "self_critical",
        "--init_from", str(tmp_path / "tuned-weights"),
    )  # fmt: skip
    changed = {k for k in frozen if not torch.equal(frozen[k], tuned[k])}
    assert any(k.startswith("image_encoder.blocks.15") for k in changed)
    assert not any(k.startswith(("image_encoder.stem", "image_encoder.blocks.0.")) for k in changed)
    stages = json.loads((tmp_path / "critical-weights" / "training.json").read_text())
    assert [s["config"]["objective"] for s in stages] == ["frozen", "finetune", "self_critical"]


def test_the_self_critical_stage_does_without_chinese_captions(captioned_folder, tmp_path):
    rows = [{**row, "captions_zh": []} for row in read_rows(captioned_folder / "metadata.jsonl")]
    (captioned_folder / "metadata.jsonl").write_bytes(encode(rows))
    always_chinese = ("--chinese_share", "1", "--max_steps", "1", "--objective", "self_critical")
    assert run(captioned_folder, tmp_path, "critical", *always_chinese)


def test_self_critical_loss_raises_what_beats_its_siblings():
    log_probability = torch.zeros(1, 2, 3, requires_grad=True)
    mask = torch.tensor([[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]])
    self_critical_loss(log_probability, torch.tensor([[3.0, 1.0]]), mask).backward()
    assert torch.allclose(log_probability.grad, torch.tensor([[[-0.4, -0.4, 0.0], [0.4, 0.4, 0.4]]]))


def test_a_human_caption_is_rewarded_above_a_foreign_one(captioned_folder):
    records = read(captioned_folder)
    reward = Reward(records)
    own, foreign = (reward(0, "en", [*c.split(), "</s>"]) for c in ("this flower is red", "this flower is blue"))
    assert own > foreign


def test_every_caption_ends_so_the_end_alone_earns_nothing(captioned_folder):
    reward = Reward(read(captioned_folder))
    assert reward(0, "en", ["</s>"]) == 0
    assert reward(0, "en", ["this", "flower", "is", "red", "</s>"]) > reward(0, "en", ["this", "flower", "is", "red"])


def test_the_sampler_keeps_to_its_shares(captioned_folder):
    records = read(captioned_folder)
    config = CaptionerTrainingConfig(headline="pictures", chinese_share=0.5, captions_per_image=4)
    sampler = PictureSampler(records, config)
    languages = [language for _ in range(200) for _, language in sampler.captions(0)]
    assert 0.4 < languages.count("zh") / len(languages) < 0.6
    assert len(sampler.pictures()) == config.batch_size


def test_the_mean_of_two_checkpoints_lies_between_them(tmp_path):
    paths = [tmp_path / name for name in ("first", "second")]
    for path, scale in zip(paths, (1, -3), strict=True):
        save_tiny_captioner(path, "lstm")
        file = path / merge.WEIGHTS
        save_file({name: scale * x for name, x in load_file(file).items()}, file, metadata={"format": "pt"})
        (path / "training.json").write_text('[{"steps": 1}]')
        checkpoint.write_checksums(path)
    merge.main([*map(str, paths), "--share", "0.25", "--out", str(tmp_path / "mean")])
    first, second, mean = (load_file(path / merge.WEIGHTS) for path in (*paths, tmp_path / "mean"))
    for name, x in mean.items():
        expected = 0.75 * first[name] + 0.25 * second[name] if x.is_floating_point() else second[name]
        torch.testing.assert_close(x, expected, atol=1e-3, rtol=1e-3)
    checkpoint.verify(tmp_path / "mean", "mean")
    with pytest.raises(InputError) as caught:
        merge.main([*map(str, paths), "--out", str(tmp_path / "mean")])
    assert caught.value.code == "out_taken"
    save_tiny_captioner(paths[0], "transformer")
    with pytest.raises(InputError):
        merge.main([*map(str, paths), "--out", str(tmp_path / "none")])
