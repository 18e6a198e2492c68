"""A training goes on from a checkpoint of its own kind, and says what is wrong with another."""

import pytest
import torch
from safetensors.torch import save_file

from pipelines.errors import InputError
from pipelines.recognition import Recognizer
from pipelines.text_encoder import TextEncoder
from pipelines.text_to_image.gan import Generator
from training import train_diffusion, train_gan
from training.adversary import DISCRIMINATOR
from training.initial import load_initial


def code_of(architecture: type, folder, **wanted) -> str:
    with pytest.raises(InputError) as caught:
        load_initial(architecture, folder, **wanted)
    return caught.value.code


def test_the_own_kind_is_loaded(tiny_weights):
    assert load_initial(Generator, tiny_weights / "gan", image_size=32).config.noise_size == 8
    assert load_initial(TextEncoder, tiny_weights / "text-encoder").config.hidden_size == 16


def test_another_kind_or_size_is_said(tiny_weights):
    assert code_of(Recognizer, tiny_weights / "gan") == "init_differs"
    assert code_of(Generator, tiny_weights / "text-encoder") == "init_differs"
    assert code_of(Generator, tiny_weights / "gan", image_size=64) == "init_differs"


def test_a_folder_without_a_network_or_with_a_broken_one_is_said(tiny_weights, tmp_path):
    assert code_of(Generator, tmp_path / "nowhere") == "init_missing"
    (tiny_weights / "gan" / "diffusion_pytorch_model.safetensors").write_bytes(b"half")
    assert code_of(Generator, tiny_weights / "gan") == "init_unreadable"
    (tiny_weights / "text-encoder" / "model.safetensors").write_bytes(b"half")
    assert code_of(TextEncoder, tiny_weights / "text-encoder") == "init_unreadable"


def test_a_trainer_says_it_before_it_reads_any_data(tiny_weights, tmp_path):
    folder = tiny_weights / "diffusion" / "unet"
    save_file({"of_another_kind": torch.zeros(1)}, folder / DISCRIMINATOR)
    flags = ["--preset", "tiny", "--init_from", str(folder), "--output_dir", str(tmp_path)]
    with pytest.raises(InputError, match="PatchUNet"):
        train_gan.main(flags)


@pytest.mark.parametrize(("train", "size"), [(train_gan, 256), (train_diffusion, 256), (train_diffusion, 16)])
def test_a_size_that_there_is_no_network_for_is_said(tiny_weights, tmp_path, train, size):
    with pytest.raises(InputError, match=f"{size} pixels. --image_size can be: .*32, 64, 128"):
        train.main(["--preset", "tiny", "--image_size", str(size), "--output_dir", str(tmp_path)])
