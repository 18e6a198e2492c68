"""A text-conditional GAN that makes a picture in one step: residual upsampling blocks whose every normalisation is
scaled and shifted by text and noise (DF-GAN, Tao et al. 2022).

B pictures, Z noise width, S sentence width, K condition width, C channels.
"""

from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from PIL import Image
from torch import Tensor, nn

from pipelines import checkpoint, device
from pipelines.images import to_pil
from pipelines.text_to_image.own import OwnGenerator
from pipelines.text_to_image.steps import OnStep, Step


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and shift come from the condition: γ(c) · x̂ + β(c)."""

    def __init__(self, channels: int, condition_size: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.affine = nn.Linear(condition_size, 2 * channels)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gamma, beta = self.affine(condition)[:, :, None, None].chunk(2, 1)  # (B, C, 1, 1) each
        return torch.addcmul(beta, self.norm(x), 1 + gamma)


class UpBlock(nn.Module):
    """Doubles the grid. The first convolution works on the small grid, where it costs a quarter."""

    def __init__(self, inputs: int, outputs: int, condition_size: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = ConditionalNorm(outputs, condition_size)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = ConditionalNorm(outputs, condition_size)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = F.leaky_relu(self.norm1(self.conv1(x), condition), 0.2)  # (B, C, H, W)
        h = F.interpolate(h, scale_factor=2.0)                       # (B, C, 2H, 2W)
        h = self.norm2(self.conv2(h), condition)
        skip = F.interpolate(self.shortcut(x), scale_factor=2.0)     # (B, C, 2H, 2W)
        return F.leaky_relu(h + skip, 0.2)


class Generator(ModelMixin, ConfigMixin):
    """Noise [B, Z] and sentence vectors [B, S] → pictures [B, 3, size, size] in [-1, 1].

    The grid grows from 4 × 4 by one doubling a channel entry; the last doubling is a pixel shuffle.
    """

    @register_to_config
    def __init__(
        self,
        channels: tuple[int, ...] = (384, 384, 256, 128, 64),
        noise_size: int = 128,
        sentence_size: int = 384,
        text_size: int = 192,
        condition_size: int = 256,
        text_encoder: str = "",
    ):
        super().__init__()
        self.text = nn.Linear(sentence_size, text_size)
        joint = noise_size + text_size
        self.condition = nn.Sequential(
            nn.Linear(joint, condition_size),
            nn.LeakyReLU(0.2),
            nn.Linear(condition_size, condition_size),
            nn.LeakyReLU(0.2),
        )
        self.seed = nn.Linear(joint, channels[0] * 16)
        self.blocks = nn.ModuleList(UpBlock(i, o, condition_size) for i, o in pairwise(channels))
        self.expand = nn.Conv2d(channels[-1], 64, 3, padding=1)
        self.to_rgb = nn.Conv2d(16, 3, 3, padding=1)

    @property
    def image_size(self) -> int:
        return 4 * 2 ** len(self.config.channels)

    def forward(self, noise: Tensor, sentence: Tensor) -> Tensor:
        # without the norm the sentence drowns the noise, and every seed gives the same picture
        text = F.layer_norm(self.text(sentence), (self.config.text_size,))
        joint = torch.cat([noise, text.to(noise.dtype)], 1)          # (B, Z + text)
        condition = self.condition(joint)                            # (B, K)
        x = self.seed(joint).unflatten(1, (-1, 4, 4))                # (B, C, 4, 4)
        x = x.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, condition)                                  # (B, C, 8, 8) ... (B, C, size/2, size/2)
        x = F.leaky_relu(F.pixel_shuffle(self.expand(x), 2), 0.2)    # (B, 16, size, size)
        return torch.tanh(self.to_rgb(x))                            # (B, 3, size, size)


def noise_of(seeds: list[int], size: int) -> Tensor:
    """One CPU generator a seed, so that a seed means the same noise in every batch and on every device: [B, size]."""
    return torch.stack([torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class GANModel(OwnGenerator):
    """The shipped generator with the prompt encoder that it was trained on."""

    defaults: ClassVar[dict] = {}

    def __init__(self, folder: Path):
        checkpoint.verify(folder, folder.name)
        self.generator = Generator.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.generator.eval().to(device.device(), memory_format=torch.channels_last)
        super().__init__(folder, self.generator.config.text_encoder)

    def check(self) -> dict:
        return {}

    @torch.inference_mode()
    def generate(self, prompt: str, seeds: list[int], on_step: OnStep | None = None) -> list[Image.Image]:
        _, _, sentence = self.encoder([prompt])
        noise = noise_of(seeds, self.generator.config.noise_size).to(device.device())
        with device.autocast():
            images = to_pil(self.generator(noise, sentence.expand(len(seeds), -1)))
        if on_step is not None:
            on_step(Step(1, 1, lambda: images))
        return images
