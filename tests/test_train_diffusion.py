"""The diffusion model's training on pictures of 32 pixels: what it writes loads and is gone on from."""

import json

import pytest
import torch
from safetensors.torch import load_file

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.text_to_image.diffusion import DiffusionModel
from pipelines.text_to_image.unet import PatchUNet
from training import train_diffusion
from training.adversary import DISCRIMINATOR
from training.train_diffusion import CHANNELS, DiffusionTrainingConfig, noise_levels


def run(folder, tmp_path, name: str, *flags: str) -> dict[str, torch.Tensor]:
    train_diffusion.main([
        "--preset", "tiny", "--data", str(folder), "--output_dir", str(tmp_path / name),
        "--weights_dir", str(tmp_path / f"{name}-weights"), *flags,
    ])  # fmt: skip
    return load_file(tmp_path / f"{name}-weights" / "unet" / "diffusion_pytorch_model.safetensors")


def test_checkpointed_levels_have_the_same_gradients():
    torch.manual_seed(0)
    unet = PatchUNet(16, 2, (16, 32), condition_size=16, sentence_size=12)
    for parameter in unet.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    gradients = []
    for _ in range(2):
        unet.zero_grad()
        torch.manual_seed(1)
        unet(torch.randn(2, 3, 16, 16), torch.rand(2), torch.randn(2, 12)).square().mean().backward()
        gradients.append([p.grad.clone() for p in unet.parameters()])
        unet.enable_gradient_checkpointing()
    assert all(torch.equal(kept, again) for kept, again in zip(*gradients, strict=True))


def test_what_is_written_is_read_by_the_app_and_by_further_training(tiny_weights, captioned_folder, tmp_path):
    trained = run(captioned_folder, tmp_path, "first")
    folder = tmp_path / "first-weights"
    model = DiffusionModel(folder)
    assert (model.defaults["num_inference_steps"], model.defaults["guidance_scale"]) == (2, 4.0)  # those of the sheets
    images = model.generate("一朵黄色的花", [0, 1], guidance_scale=2, num_inference_steps=2)
    assert [image.size for image in images] == [(32, 32)] * 2
    assert list((tmp_path / "first" / "samples").glob("*.webp"))
    further = run(captioned_folder, tmp_path, "second", "--init_from", str(folder), "--learning_rate", "0")
    assert "first-weights" not in (tmp_path / "second-weights" / "unet" / "config.json").read_text()
    assert all(torch.allclose(trained[k].float(), further[k].float(), atol=1e-3) for k in trained)
    assert any(not torch.equal(trained[k], torch.zeros_like(trained[k])) for k in trained)


def test_a_discriminator_moves_the_network_and_is_kept_to_go_on_from(tiny_weights, captioned_folder, tmp_path):
    alone = run(captioned_folder, tmp_path, "alone", "--batch_size", "3")
    judged = run(captioned_folder, tmp_path, "judged", "--adversarial_weight", "1", "--batch_size", "3")
    assert any(not torch.equal(alone[k], judged[k]) for k in alone)
    line = json.loads((tmp_path / "judged" / "progress.jsonl").read_text().splitlines()[-1])
    assert {"loss", "loss_d", "loss_g", "real", "fake"} <= set(line)
    folder = tmp_path / "judged-weights"
    network = folder / "unet" / "diffusion_pytorch_model.safetensors"
    assert checkpoint.weights_hash(folder) == checkpoint.sha256(network)[:12]
    kept = load_file(folder / DISCRIMINATOR)
    still = ("--adversarial_weight", "1", "--discriminator_learning_rate", "0", "--num_validation", "0")
    run(captioned_folder, tmp_path, "on", *still, "--init_from", str(folder))
    run(captioned_folder, tmp_path, "lent", *still, "--discriminator", str(folder))
    for name in ("on", "lent"):
        found = load_file(tmp_path / f"{name}-weights" / DISCRIMINATOR)
        assert all(torch.equal(found[k], kept[k]) for k in kept if not k.endswith(("_u", "_v")))  # of spectral norms


def test_a_folder_without_a_discriminator_is_said(tiny_weights, captioned_folder, tmp_path):
    with pytest.raises(InputError) as caught:
        run(captioned_folder, tmp_path, "none", "--adversarial_weight", "1", "--discriminator", str(tmp_path))
    assert caught.value.code == "init_missing"


def test_a_dry_run_prints_the_configuration_and_trains_nothing(tiny_weights, captioned_folder, tmp_path, capsys):
    arguments = ["--preset", "tiny", "--data", str(captioned_folder), "--dry_run", "--output_dir", str(tmp_path / "d")]
    train_diffusion.main(arguments)
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["text_dropout"] == 0.1
    assert shown["parameters"]["unet"] > 0
    assert not (tmp_path / "d").exists()


def test_a_wider_network_is_no_start_for_another_one(tiny_weights, captioned_folder, tmp_path):
    wide = run(captioned_folder, tmp_path, "wide", "--width", "2")
    assert wide["stem.weight"].shape[0] == 2 * CHANNELS[32][0]
    with pytest.raises(InputError) as caught:
        run(captioned_folder, tmp_path, "wider", "--width", "4", "--init_from", str(tmp_path / "wide-weights"))
    assert caught.value.code == "init_differs"


def test_noise_levels_lean_to_noise():
    torch.manual_seed(0)
    sigma = noise_levels(DiffusionTrainingConfig(), 10_000, torch.device("cpu"))
    assert 0 < sigma.min() < sigma.max() < 1
    assert abs(sigma.median() - torch.sigmoid(torch.tensor(DiffusionTrainingConfig().time_mean))) < 0.02
