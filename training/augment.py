"""Augmentation without hue, so that colours stay bound to their words; the GAN's is that of Zhao et al. (2020)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.errors import InputError
from pipelines.images import to_signed


def random_crop_flip(pixels: Tensor, size: int) -> Tensor:
    """uint8 [B, 3, H, W] → [B, 3, size, size]: one random window for the batch, each picture mirrored at random."""
    top, left = (int(torch.randint(n - size + 1, ())) for n in pixels.shape[-2:])
    pixels = pixels[..., top : top + size, left : left + size]
    mirrored = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(mirrored, pixels.flip(-1), pixels)


def differentiable_augment(images: Tensor) -> Tensor:
    """Pictures in [-1, 1] [B, 3, H, W], B even: brightness, saturation, a shift by up to an eighth, often a hole.

    Picture k and picture k + B/2 are changed alike, so that what still differs between them is their own.
    """
    size = images.shape[-1]
    brightness, saturation = torch.rand(2, len(images) // 2, 1, 1, 1, device=images.device).repeat(1, 2, 1, 1, 1)
    images = images + 0.4 * (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (0.6 + 0.8 * saturation)
    margin = size // 8
    top, left = torch.randint(2 * margin + 1, (2,)).tolist()
    images = F.pad(images, [margin] * 4, mode="reflect")[..., top : top + size, left : left + size]
    if torch.rand(()) < 0.5:
        hole = 3 * size // 8
        top, left = torch.randint(size - hole + 1, (2,)).tolist()
        mask = torch.ones(1, 1, size, size, device=images.device)
        mask[..., top : top + hole, left : left + hole] = 0
        images = images * mask
    return images.contiguous(memory_format=torch.channels_last)


def shift_flip_brighten(pixels: Tensor, may_flip: Tensor) -> Tensor:
    """uint8 [B, 3, H, W], bool [B] → uint8: a shift by up to a sixteenth, a mirror where allowed, brightness."""
    size = pixels.shape[-1]
    margin = size // 16
    top, left = torch.randint(2 * margin + 1, (2,)).tolist()
    images = F.pad(pixels.float(), [margin] * 4, mode="reflect")[..., top : top + size, left : left + size]
    column = (len(images), 1, 1, 1)
    mirrored = may_flip.view(column) & (torch.rand(column, device=images.device) < 0.5)
    images = torch.where(mirrored, images.flip(-1), images)
    return (images * (0.8 + 0.4 * torch.rand(column, device=images.device))).clamp(0, 255).byte()


def flip(pixels: Tensor) -> Tensor:
    """uint8 [B, 3, H, W] → the same, each picture mirrored at random."""
    return random_crop_flip(pixels, pixels.shape[-1])


def crop_flip(pixels: Tensor) -> Tensor:
    """uint8 [B, 3, S, S] → [B, 3, S, S]: windows of seven eighths of the side, enlarged again, mirrored at random."""
    size = pixels.shape[-1]
    window = random_crop_flip(pixels, max(1, size - size // 8))
    images = F.interpolate(window.float(), (size, size), mode="bicubic", antialias=True)
    return images.round().clamp(0, 255).byte()


def differentiable(pixels: Tensor) -> Tensor:
    """uint8 [B, 3, S, S] → uint8: what `differentiable_augment` makes of each picture."""
    images = differentiable_augment(to_signed(pixels).repeat(2, 1, 1, 1))[: len(pixels)]
    return ((images + 1) * 127.5).round().clamp(0, 255).byte()


def colour_safe(pixels: Tensor) -> Tensor:
    """uint8 [B, 3, S, S] → uint8: shift, mirror and brightness; every hue stays what its word says."""
    return shift_flip_brighten(pixels, torch.ones(len(pixels), dtype=torch.bool, device=pixels.device))


# uint8 [B, 3, S, S] → uint8 [B, 3, S, S], and what they do in a few words
PRESETS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "none": (lambda pixels: pixels, "as it is"),
    "flip": (flip, "mirrored at random"),
    "crop-flip": (crop_flip, "windows, mirrored at random"),
    "colour-safe": (colour_safe, "shifted, mirrored, brighter or darker; hues stay"),
    "differentiable": (differentiable, "brightness, saturation, shift, holes: for discriminators with few pictures"),
}


def preset(name: str) -> Callable[[Tensor], Tensor]:
    """The augmentation called `name`. Raises InputError where there is none."""
    if name not in PRESETS:
        raise InputError("preset_unknown", value=name, known=", ".join(PRESETS))
    return PRESETS[name][0]
