"""Augmentation without hue, so that colours stay bound to their words; the GAN's is that of Zhao et al. (2020)."""

import torch
import torch.nn.functional as F
from torch import Tensor


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
