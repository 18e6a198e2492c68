"""The diffusion model's training on pictures of 32 pixels: a resumed run equals an unbroken one, and what it writes
loads."""

import json

import torch
from safetensors.torch import load_file

from pipelines.text_to_image.diffusion import DiffusionModel
from training import train_diffusion
from training.train_diffusion import DiffusionTrainingConfig, noise_levels


def run(folder, tmp_path, name: str, *flags: str) -> dict[str, torch.Tensor]:
    train_diffusion.main([
        "--preset", "tiny", "--data", str(folder), "--output_dir", str(tmp_path / name),
        "--weights_dir", str(tmp_path / f"{name}-weights"), *flags,
    ])  # fmt: skip
    return load_file(tmp_path / f"{name}-weights" / "unet" / "diffusion_pytorch_model.safetensors")


def test_resumed_equals_unbroken(tiny_weights, captioned_folder, tmp_path):
    unbroken = run(captioned_folder, tmp_path, "unbroken")
    run(captioned_folder, tmp_path, "stopped", "--max_steps", "2")
    resumed = run(captioned_folder, tmp_path, "stopped", "--resume")
    assert all(torch.equal(unbroken[k], resumed[k]) for k in unbroken)


def test_two_small_batches_are_one_step(tiny_weights, captioned_folder, tmp_path):
    run(captioned_folder, tmp_path, "accumulated", "--gradient_accumulation_steps", "2", "--batch_size", "2")
    facts = json.loads((tmp_path / "accumulated-weights" / "training.json").read_text())
    assert (facts["steps"], facts["pictures"]) == (4, 16)


def test_what_is_written_is_read_by_the_app_and_by_further_training(tiny_weights, captioned_folder, tmp_path):
    trained = run(captioned_folder, tmp_path, "first")
    folder = tmp_path / "first-weights"
    images = DiffusionModel(folder).generate("一朵黄色的花", [0, 1], guidance_scale=2, num_inference_steps=2)
    assert [image.size for image in images] == [(32, 32)] * 2
    assert list((tmp_path / "first" / "samples").glob("*.webp"))
    further = run(captioned_folder, tmp_path, "second", "--init_from", str(folder), "--learning_rate", "0")
    assert all(torch.allclose(trained[k].float(), further[k].float(), atol=1e-3) for k in trained)
    assert any(not torch.equal(trained[k], torch.zeros_like(trained[k])) for k in trained)


def test_a_dry_run_prints_the_configuration_and_trains_nothing(tiny_weights, captioned_folder, tmp_path, capsys):
    arguments = ["--preset", "tiny", "--data", str(captioned_folder), "--dry_run", "--output_dir", str(tmp_path / "d")]
    train_diffusion.main(arguments)
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["text_dropout"] == 0.1
    assert shown["parameters"]["unet"] > 0
    assert not (tmp_path / "d").exists()


def test_noise_levels_lean_to_noise():
    torch.manual_seed(0)
    sigma = noise_levels(DiffusionTrainingConfig(), 10_000, torch.device("cpu"))
    assert 0 < sigma.min() < sigma.max() < 1
    assert abs(sigma.median() - torch.sigmoid(torch.tensor(DiffusionTrainingConfig().time_mean))) < 0.02
