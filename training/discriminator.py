"""The GAN's judge: small heads over frozen ImageNet features that fixed random convolutions mix across scales
(Projected GAN, Sauer et al. 2021). Each head says whether the picture is real, and whether it is that of the words.

B pictures, C channels, H × W cells, S sentence width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pipelines.image_encoder import TAP_CHANNELS
from training.losses import batch_deviation


class RandomProjection(nn.Module):
    """The encoder's four maps → four of `channels`, each blended into the next finer one. Nothing here is trained."""

    def __init__(self, channels: int):
        super().__init__()
        self.across_channels = nn.ModuleList(nn.Conv2d(c, channels, 1, bias=False) for c in TAP_CHANNELS)
        self.across_scales = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in TAP_CHANNELS
        )
        for conv in (*self.across_channels, *self.across_scales):
            nn.init.kaiming_normal_(conv.weight)
        self.requires_grad_(False)

    def forward(self, taps: list[Tensor]) -> list[Tensor]:
        maps, coarser = [], None
        for tap, mix, blend in list(zip(taps, self.across_channels, self.across_scales, strict=True))[::-1]:
            x = mix(tap)                                                                   # (B, C, H, W)
            if coarser is not None:
                x = x + F.interpolate(coarser, size=x.shape[-2:], mode="bilinear", align_corners=False)
            x = x * torch.rsqrt(x.float().square().mean((1, 2, 3), keepdim=True) + 1e-8).to(x.dtype)
            coarser = blend(x) * 0.7
            maps.append(coarser)
        return maps[::-1]


class Head(nn.Module):
    """One map [B, C, H, W] and sentence vectors [B, S] → logits [B, H'·W']."""

    def __init__(self, inputs: int, num_halvings: int, sentence_size: int, width: int = 128, joint_size: int = 64):
        super().__init__()
        layers = []
        for _ in range(num_halvings):
            layers += [spectral_norm(nn.Conv2d(inputs, width, 4, 2, 1)), nn.LeakyReLU(0.2)]
            inputs = width
        self.body = nn.Sequential(*layers, spectral_norm(nn.Conv2d(inputs, width, 3, 1, 1)), nn.LeakyReLU(0.2))
        self.real = spectral_norm(nn.Conv2d(width + 1, 1, 3, 1, 1))
        self.picture = spectral_norm(nn.Conv2d(width + 1, joint_size, 1))
        self.words = nn.Linear(sentence_size, joint_size)

    def forward(self, x: Tensor, sentences: list[Tensor]) -> list[Tensor]:
        """The logits of the same pictures beside each of `sentences`."""
        h = self.body(x)                                                  # (B, width, H', W')
        h = torch.cat([h, batch_deviation(h)], 1)                         # (B, width + 1, H', W')
        real, picture = self.real(h).flatten(1), self.picture(h).flatten(2)  # (B, H'W'), (B, joint, H'W')
        # sentence vectors have length 1, so that their components are small; the joint product is scaled back
        return [real + torch.einsum("bjn,bj->bn", picture, self.words(8 * s).to(picture.dtype)) / 8 for s in sentences]


class Discriminator(nn.Module):
    """Maps of the frozen encoder and several lists of words for the same pictures → one row of logits for each list."""

    def __init__(self, channels: int = 64, sentence_size: int = 384):
        super().__init__()
        self.projection = RandomProjection(channels)
        # the finest map is halved most, so that every head judges patches of a like size
        self.heads = nn.ModuleList(Head(channels, n, sentence_size) for n in (3, 2, 1, 0))
        self.to(memory_format=torch.channels_last)

    def forward(self, taps: list[Tensor], *sentences: Tensor) -> list[Tensor]:
        """Logits [B, N] for each of `sentences` [B, S]; N counts the patches of all heads."""
        maps = self.projection(taps)
        rows = [head(x, list(sentences)) for head, x in zip(self.heads, maps, strict=True)]
        return [torch.cat(row, 1).float() for row in zip(*rows, strict=True)]
