"""Augmentation keeps what the words speak of: colours, and the difference between two pictures of one prompt."""

import pytest
import torch
from PIL import Image

from pipelines.errors import InputError
from training.augment import PRESETS, differentiable_augment, preset, random_crop_flip, zoom_flip_brighten
from training.augment_sheet import main, sheet


def test_both_halves_of_a_batch_are_changed_alike():
    torch.manual_seed(0)
    images = (torch.rand(4, 3, 32, 32) * 2 - 1).repeat(2, 1, 1, 1)
    first, second = differentiable_augment(images).chunk(2)
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_hue_survives():
    torch.manual_seed(0)
    red = torch.tensor([0.8, -0.6, -0.6]).view(1, 3, 1, 1).expand(64, 3, 16, 16)
    augmented = differentiable_augment(red)
    seen = augmented.abs().sum(1) > 0  # not the hole
    assert (augmented.argmax(1)[seen] == 0).all()


def test_gradients_pass():
    images = torch.zeros(2, 3, 32, 32, requires_grad=True)
    differentiable_augment(images).square().sum().backward()
    assert images.grad.abs().sum() > 0


def test_pictures_are_mirrored_only_where_allowed():
    torch.manual_seed(0)
    pixels = torch.arange(64, dtype=torch.uint8).expand(200, 3, 64, 64)
    slopes = zoom_flip_brighten(pixels, torch.arange(200) % 2 == 0).float().diff(dim=3).mean((1, 2, 3))
    assert (slopes[1::2] > 0).all()
    assert 20 < (slopes[::2] < 0).sum() < 80


def test_crops_have_the_size_asked_for():
    assert random_crop_flip(torch.zeros(2, 3, 36, 36, dtype=torch.uint8), 32).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_keeps_shape_and_kind(name):
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    augmented = preset(name)(pixels)
    assert (augmented.shape, augmented.dtype) == (pixels.shape, torch.uint8)
    assert (name == "none") == torch.equal(augmented, pixels)


def test_a_sheet_has_a_row_a_preset_and_leaves_the_random_state(tmp_path):
    state = torch.random.get_rng_state()
    drawn = sheet(Image.linear_gradient("L").convert("RGB"), ["none", "flip"], 32, columns=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert drawn.width > 3 * 32
    Image.linear_gradient("L").save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "--out", str(tmp_path / "sheet.webp"), "--size", "32"]) == 0
    assert Image.open(tmp_path / "sheet.webp").height > 5 * 32
    with pytest.raises(InputError):
        preset("hue")
