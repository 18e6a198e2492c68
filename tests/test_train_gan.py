"""The GAN's training on pictures of 32 pixels: what it writes loads and is gone on from."""

import json
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from pipelines.text_to_image.gan import GANModel, Generator
from training import train_gan
from training.adversary import DISCRIMINATOR, load_discriminator
from training.conditioning import CaptionVectors, short_captions
from training.data import read
from training.order import batch_indices


def run(folder, tmp_path, name: str, *flags: str) -> dict[str, torch.Tensor]:
    train_gan.main([
        "--preset", "tiny", "--data", str(folder), "--output_dir", str(tmp_path / name),
        "--weights_dir", str(tmp_path / f"{name}-weights"), *flags,
    ])  # fmt: skip
    return load_file(tmp_path / f"{name}-weights" / "diffusion_pytorch_model.safetensors")


def test_what_is_written_loads_samples_and_goes_on(tiny_weights, captioned_folder, tmp_path):
    run(captioned_folder, tmp_path, "first", "--loss", "non_saturating")
    written = tmp_path / "first-weights"
    images = GANModel(written).generate("a red flower", [1, 2])
    assert [image.size for image in images] == [(32, 32)] * 2
    assert len(list((tmp_path / "first" / "samples").glob("*.webp"))) == 2
    assert len(list((tmp_path / "first").glob("state-0*"))) == 2
    facts = json.loads((written / "training.json").read_text())
    assert facts["pictures"] == 16
    assert facts["validation"]["kid"] > 0
    before = Generator.from_pretrained(written).state_dict()
    after = run(captioned_folder, tmp_path, "second", "--init_from", str(written), "--learning_rate", "0")
    assert all(torch.equal(before[k].half(), after[k]) for k in after if k.endswith("conv1.weight"))


def test_it_ends_early_where_its_pictures_get_no_nearer_to_real_ones(tiny_weights, captioned_folder, tmp_path):
    run(captioned_folder, tmp_path, "stuck", "--learning_rate", "0", "--max_steps", "50", "--early_stopping", "2")
    lines = [json.loads(line) for line in (tmp_path / "stuck" / "progress.jsonl").read_text().splitlines()]
    assert 3 <= sum("kid" in line for line in lines) < 20  # of 25 looks; the norms' statistics still settle at first


def test_a_compiled_discriminator_is_saved_under_its_own_names(tiny_weights, captioned_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    flags = ("--max_steps", "1", "--num_validation", "0", "--compile", "true")
    run(captioned_folder, tmp_path, "compiled", *flags)
    saved = load_file(tmp_path / "compiled-weights" / DISCRIMINATOR)
    gone_on = load_discriminator(12, str(tmp_path / "compiled-weights")).state_dict()
    assert saved.keys() == gone_on.keys()
    assert all(torch.equal(saved[name], x.half() if x.is_floating_point() else x) for name, x in gone_on.items())


def test_foreign_captions_are_those_of_other_pictures():
    captions = CaptionVectors(torch.zeros(3, 4), [([k], [], []) for k in range(3)], ["a", "a", "b"],
                              {"a": [0, 1], "b": [2]})  # fmt: skip
    assert all(found != k for _ in range(50) for k, found in enumerate(captions.others([0, 1, 2])))
    alone = CaptionVectors(torch.zeros(1, 4), [([0], [], [])], ["a"], {"a": [0]})
    assert alone.others([0]) == [0]


def test_a_batch_may_be_odd(tiny_weights, captioned_folder, tmp_path):
    assert run(captioned_folder, tmp_path, "odd", "--batch_size", "3", "--max_steps", "1")


def test_a_dry_run_prints_the_configuration_and_trains_nothing(tiny_weights, captioned_folder, tmp_path, capsys):
    output_dir = tmp_path / "nothing"
    train_gan.main(["--preset", "tiny", "--data", str(captioned_folder), "--output_dir", str(output_dir), "--dry_run"])
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["image_size"] == 32
    assert shown["parameters"]["generator"] > 0
    assert shown["memory_mb"]["optimizer"] == pytest.approx(2 * shown["memory_mb"]["gradients"], abs=0.1)
    assert not output_dir.exists()


def test_an_epoch_shows_every_picture_once_over_all_processes():
    steps = [batch_indices(12, 2, step, seed=0, rank=rank, world=2) for step in range(3) for rank in range(2)]
    assert sorted(torch.cat(steps).tolist()) == list(range(12))
    assert not torch.equal(batch_indices(12, 12, 0, seed=0), batch_indices(12, 12, 1, seed=0))


def test_short_captions_name_the_thing_and_its_colour(captioned_folder):
    assert short_captions(read(captioned_folder)[1]) == [("a flower", "一张花的照片"), ("a yellow flower", "黄色的花")]
