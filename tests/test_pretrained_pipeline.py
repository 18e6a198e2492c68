"""Any diffusers pipeline as a model of the studio: a real one, tiny, saved to a folder and loaded from it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from pipelines import device, hub
from pipelines.errors import InputError
from pipelines.text_to_image.pipeline import load_text_to_image
from pipelines.text_to_image.steps import Stopped
from tests.conftest import forget_models
from tests.tiny_pipelines import save_tiny_stable_diffusion


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    return save_tiny_stable_diffusion(tmp_path_factory.mktemp("models") / "tiny-sd")


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    """A copy of the pipeline to be damaged."""
    yield Path(shutil.copytree(saved, tmp_path / "tiny-sd"))
    forget_models()


def pixels(image) -> np.ndarray:
    return np.asarray(image).astype(int)


def test_a_folder_makes_pictures_that_seed_and_words_decide(folder):
    generate = load_text_to_image(str(folder))
    assert generate.defaults == {
        "num_inference_steps": 50, "size": 16, "guidance_scale": 7.5, "negative_prompt": ""
    }  # fmt: skip
    batch = generate("a red flower", num_images=4, seed=5, num_inference_steps=3)
    assert [image.size for image in batch.images] == [(16, 16)] * 4
    (alone,) = generate("a red flower", seed=7, num_inference_steps=3).images
    assert np.abs(pixels(alone) - pixels(batch.images[2])).max() <= 2
    (other,) = generate("a blue bird", seed=7, num_inference_steps=3).images
    assert np.abs(pixels(alone) - pixels(other)).max() > 2
    assert batch.settings["guidance_scale"] == 7.5


def test_guidance_of_one_is_no_guidance(folder):
    generate = load_text_to_image(str(folder))
    plain = generate("a red flower", seed=1, num_inference_steps=3, guidance_scale=1)
    ignored = generate("a red flower", seed=1, num_inference_steps=3, guidance_scale=1, negative_prompt="a cat")
    guided = generate("a red flower", seed=1, num_inference_steps=3, guidance_scale=7)
    assert np.array_equal(*(pixels(o.images[0]) for o in (plain, ignored)))
    assert np.abs(pixels(plain.images[0]) - pixels(guided.images[0])).max() > 0


def test_every_step_is_told_and_may_be_looked_at(folder):
    steps = []
    load_text_to_image(str(folder))(
        "a cat", num_images=2, num_inference_steps=4, on_step=lambda s: steps.append((s.number, s.total, s.preview()))
    )
    assert [(number, total) for number, total, _ in steps] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(len(pictures) == 2 for _, _, pictures in steps)


def test_a_stopped_run_ends_at_once_and_the_next_one_works(folder):
    generate, steps = load_text_to_image(str(folder)), []

    def stop_at_two(step):
        steps.append(step.number)
        if step.number == 2:
            raise Stopped

    before = generate("a cat", seed=3, num_inference_steps=4).images[0]
    with pytest.raises(Stopped):
        generate("a cat", seed=3, num_inference_steps=4, on_step=stop_at_two)
    assert steps == [1, 2]
    assert np.array_equal(*(pixels(i) for i in (before, generate("a cat", seed=3, num_inference_steps=4).images[0])))


@pytest.mark.parametrize(
    ("name", "steps"),
    [("sdxl-turbo", 4), ("my-lcm", 4), ("plain", 50)],
)
def test_distilled_models_take_few_steps_without_guidance(folder, tmp_path, name, steps):
    renamed = folder.rename(tmp_path / name)
    defaults = load_text_to_image(str(renamed)).defaults
    assert defaults["num_inference_steps"] == steps
    assert (defaults["guidance_scale"] == 0) == (steps == 4)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"num_inference_steps": 0}, "num_inference_steps"),
        ({"num_inference_steps": 10_000}, "num_inference_steps"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"guidance_scale": -1}, "guidance_scale"),
        ({"size": 18}, "size_multiple"),
        ({"size": 10**9}, "size"),
        ({"scheduler": "euler"}, "setting_unknown"),
    ],
)
def test_settings_out_of_range_are_said_before_any_work(folder, settings, code):
    generate = load_text_to_image(str(folder))
    with pytest.raises(InputError) as caught:
        generate("a cat", on_step=lambda step: pytest.fail("work began"), **settings)
    assert caught.value.code == code


def test_a_size_that_cannot_fit_is_said_before_any_work(folder, monkeypatch):
    generate = load_text_to_image(str(folder))
    monkeypatch.setattr(device, "free_bytes", lambda: 1_000_000)
    with pytest.raises(InputError) as caught:
        generate("a cat", size=2048)
    assert caught.value.code == "size_memory"


def damage_no_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def damage_index(folder: Path) -> None:
    (folder / "model_index.json").write_text("{ half")


def damage_weights_missing(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def damage_weights_cut(folder: Path) -> None:
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_pickled(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()


def damage_part_missing(folder: Path) -> None:
    shutil.rmtree(folder / "text_encoder")


def damage_shard_missing(folder: Path) -> None:
    listing = {"metadata": {}, "weight_map": {"x": "diffusion_pytorch_model-00002-of-00002.safetensors"}}
    (folder / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(listing))


def damage_other_task(folder: Path) -> None:
    shutil.rmtree(folder)
    unet = UNet2DModel(
        sample_size=8, block_out_channels=(8,), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(folder)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (damage_no_index, "pipeline_missing"),
        (damage_index, "pipeline_incomplete"),
        (damage_weights_missing, "pipeline_incomplete"),
        (damage_weights_cut, "pipeline_incomplete"),
        (damage_part_missing, "pipeline_incomplete"),
        (damage_shard_missing, "pipeline_incomplete"),
        (damage_pickled, "pipeline_pickled"),
        (damage_other_task, "model_kind"),
    ],
)
def test_what_cannot_be_loaded_is_a_sentence_and_leaves_nothing_behind(folder, damage, code):
    damage(folder)
    with pytest.raises(InputError) as caught:
        load_text_to_image(str(folder))
    assert caught.value.code == code
    assert device.loaded() == []


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "a/b/c", "~/models/sd"])
def test_a_folder_that_is_not_there(name):
    with pytest.raises(InputError) as caught:
        load_text_to_image(name)
    assert caught.value.code == "folder_missing"


def test_offline_a_hub_id_is_one_sentence_that_names_the_built_in_models(monkeypatch):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="gan, diffusion") as caught:
        load_text_to_image("somebody/some-pipeline")
    assert caught.value.code == "model_offline"
    assert hub.download_size("somebody/some-pipeline") is None


def test_what_a_model_withholds_is_grey_and_named(folder):
    generate = load_text_to_image(str(folder))
    pipeline = generate.model.pipeline

    pipeline.safety_checker, pipeline.feature_extractor = Checker(), Features()
    output = generate("a cat", num_images=2, seed=1, num_inference_steps=2)
    assert output.settings["withheld"] == [2]
    assert output.images[1].getextrema() == ((128, 128),) * 3
    assert output.images[0].size == (16, 16)


class Checker(torch.nn.Linear):
    """A safety checker that dislikes every second picture."""

    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self):
        super().__init__(1, 1)

    def forward(self, images, clip_input):
        return images, [k % 2 == 1 for k in range(len(images))]


class Features:
    """What a safety checker looks at, in the place of CLIP's picture processor."""

    pixel_values = torch.zeros(1)

    def __call__(self, images, return_tensors):
        return self

    def to(self, where):
        return self


def test_of_a_repository_one_set_of_safetensors_is_taken():
    files = [
        "README.md", "model_index.json", "v1-5-pruned.safetensors", "unet/config.json", "script.py",
        "unet/diffusion_pytorch_model.safetensors", "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors", "unet/diffusion_pytorch_model.bin",
        "vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors",
    ]  # fmt: skip
    assert set(hub.choose(files)) == {
        "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    }  # fmt: skip
    assert set(hub.choose([f for f in files if f != "vae/diffusion_pytorch_model.fp16.safetensors"])) == {
        "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    }  # fmt: skip


def test_a_download_tells_how_far_it_is():
    told = []
    bar = hub.bar(lambda done, total: told.append((done, total)))
    with bar(total=100, unit="B", disable=False) as progress:
        progress.update(40)
        progress.update(60)
    with bar(total=3, unit="it") as files:
        files.update(1)
    assert told == [(40, 100), (100, 100)]
