"""A small U-Net over pixel-unshuffled patches that looks at a noisy picture and predicts the clean one (x-prediction:
Li and He 2025, "Back to basics: let denoising generative models denoise").

B pictures, C channels, D condition width, S sentence width; H × W cells of the grid, one a patch.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

GROUPS, HEAD_SIZE, FREQUENCIES = 16, 32, 128


class ResidualBlock(nn.Module):
    """Two convolutions; time and text scale and shift what lies between them. Begins as the identity."""

    def __init__(self, inputs: int, outputs: int, condition_size: int):
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.affine = nn.Linear(condition_size, 2 * outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))                                    # (B, C, H, W)
        gamma, beta = self.affine(condition)[:, :, None, None].chunk(2, 1)       # (B, C, 1, 1) each
        h = self.conv2(F.silu(torch.addcmul(beta, self.norm2(h), 1 + gamma)))
        return self.shortcut(x) + h


class SelfAttention(nn.Module):
    """Every cell looks at every other one. Begins as the identity."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, -1, HEAD_SIZE))  # (B, 3, heads, size, HW)
        q, k, v = rows.transpose(-1, -2).unbind(1)                                 # (B, heads, HW, size) each
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)              # (B, heads, size, HW)
        return x + self.out(h.reshape(x.shape))


class Level(nn.Module):
    """Residual blocks on one grid, each followed by attention where `attends`."""

    gradient_checkpointing = False  # set by `enable_gradient_checkpointing` of diffusers, for training

    def __init__(self, inputs: int, outputs: int, num_blocks: int, condition_size: int, attends: bool):
        super().__init__()
        widths = [inputs] + [outputs] * (num_blocks - 1)
        self.blocks = nn.ModuleList(ResidualBlock(width, outputs, condition_size) for width in widths)
        self.attentions = nn.ModuleList(SelfAttention(outputs) if attends else nn.Identity() for _ in widths)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = attention(self._gradient_checkpointing_func(block, x, condition))
            else:
                x = attention(block(x, condition))
        return x


class PatchUNet(ModelMixin, ConfigMixin):
    """Noisy pictures [B, 3, size, size], noise levels σ in [0, 1] [B] and sentence vectors [B, S] → clean pictures.

    A sentence vector of zeros means "no text": the unconditional model of classifier-free guidance.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        image_size: int = 128,
        patch_size: int = 8,
        channels: tuple[int, ...] = (160, 256, 352),
        num_blocks: int = 2,
        condition_size: int = 384,
        sentence_size: int = 384,
        text_encoder: str = "",
    ):
        super().__init__()
        D = condition_size  # noqa: N806
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, D), nn.SiLU(), nn.Linear(D, D))
        self.text = nn.Sequential(nn.Linear(sentence_size, D), nn.SiLU(), nn.Linear(D, D))
        values = 3 * patch_size**2
        self.stem = nn.Conv2d(values, channels[0], 3, padding=1)
        self.down = nn.ModuleList(Level(c, c, num_blocks, D, attends=k > 0) for k, c in enumerate(channels[:-1]))
        self.shrink = nn.ModuleList(nn.Conv2d(c, d, 3, stride=2, padding=1) for c, d in pairwise(channels))
        self.middle = Level(channels[-1], channels[-1], num_blocks, D, attends=True)
        self.grow = nn.ModuleList(nn.Conv2d(d, c, 3, padding=1) for c, d in pairwise(channels))
        self.up = nn.ModuleList(Level(2 * c, c, num_blocks, D, attends=k > 0) for k, c in enumerate(channels[:-1]))
        self.head = nn.Sequential(nn.GroupNorm(GROUPS, channels[0]), nn.SiLU())
        self.to_patches = nn.Conv2d(channels[0], values, 3, padding=1)
        nn.init.zeros_(self.to_patches.weight)
        nn.init.zeros_(self.to_patches.bias)

    def forward(self, z: Tensor, sigma: Tensor, sentence: Tensor) -> Tensor:
        size = self.config.patch_size
        # unit vectors have small entries: scaled so that their variance is one
        text = self.text(sentence.to(z) * self.config.sentence_size**0.5)
        condition = F.silu(self.time(waves(sigma).to(z)) + text)                 # (B, D)
        x = F.pixel_unshuffle(z, size).contiguous(memory_format=torch.channels_last)
        x = self.stem(x)                                                         # (B, C, H, W)
        skips = []
        for level, shrink in zip(self.down, self.shrink, strict=True):
            x = level(x, condition)
            skips.append(x)
            x = shrink(x)                                                        # (B, C', H/2, W/2)
        x = self.middle(x, condition)
        for level, grow in zip(reversed(self.up), reversed(self.grow), strict=True):
            x = F.interpolate(grow(x), scale_factor=2.0)                         # (B, C, 2H, 2W)
            x = level(torch.cat([x, skips.pop()], 1), condition)
        return F.pixel_shuffle(self.to_patches(self.head(x)), size)              # (B, 3, size, size)


def waves(sigma: Tensor) -> Tensor:
    """Noise levels as sines and cosines of 1000 σ (Vaswani et al. 2017; Ho et al. 2020): [B] → [B, 256]."""
    frequencies = torch.exp(-math.log(10_000) * torch.arange(FREQUENCIES, device=sigma.device) / FREQUENCIES)
    angles = 1000 * sigma.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], 1)
