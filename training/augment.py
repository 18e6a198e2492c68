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
    """Pictures in [-1, 1] [B, 3, H, W]: brightness, saturation, a shift by up to an eighth, often a hole.

    Where B is even, picture k and picture k + B/2 are changed alike, so that what still differs between them is their
    own.
    """
    count, size = len(images), images.shape[-1]
    changes = torch.rand(2, -(-count // 2), 1, 1, 1, device=images.device).repeat(1, 2, 1, 1, 1)
    brightness, saturation = changes[:, :count]
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


def zoom_flip_brighten(pixels: Tensor, may_flip: Tensor) -> Tensor:
    """uint8 [B, 3, H, W], bool [B] → uint8: a window of three quarters of the side or more, its size and place drawn
    for each picture, enlarged again; a mirror where allowed; brightness and saturation."""
    count, device = len(pixels), pixels.device
    zoom = 1 - 0.25 * torch.rand(count, device=device)
    mirror = torch.where(may_flip & (torch.rand(count, device=device) < 0.5), -1.0, 1.0)
    places = (1 - zoom[:, None]) * (2 * torch.rand(count, 2, device=device) - 1)               # (B, 2)
    windows = torch.cat([torch.diag_embed(torch.stack([mirror * zoom, zoom], 1)), places[..., None]], 2)  # (B, 2, 3)
    points = F.affine_grid(windows, list(pixels.shape), align_corners=False)                   # (B, H, W, 2)
    images = F.grid_sample(pixels.float(), points, padding_mode="reflection", align_corners=False)
    brightness, saturation = (0.8 + 0.4 * torch.rand(2, count, 1, 1, 1, device=device)).unbind()
    grey = images.mean(1, keepdim=True)
    return ((grey + (images - grey) * saturation) * brightness).clamp(0, 255).byte()


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
    """uint8 [B, 3, S, S] → uint8: window, mirror, brightness and saturation; every hue stays what its word says."""
    return zoom_flip_brighten(pixels, torch.ones(len(pixels), dtype=torch.bool, device=pixels.device))


# uint8 [B, 3, S, S] → uint8 [B, 3, S, S], and what they do in a few words
PRESETS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "none": (lambda pixels: pixels, "as it is"),
    "flip": (flip, "mirrored at random"),
    "crop-flip": (crop_flip, "windows, mirrored at random"),
    "colour-safe": (colour_safe, "windows, mirrored, brighter, paler or the reverse; hues stay"),
    "differentiable": (differentiable, "brightness, saturation, shift, holes: for discriminators with few pictures"),
}


def preset(name: str) -> Callable[[Tensor], Tensor]:
    """The augmentation called `name`. Raises InputError where there is none."""
    if name not in PRESETS:
        raise InputError("preset_unknown", value=name, known=", ".join(PRESETS))
    return PRESETS[name][0]
