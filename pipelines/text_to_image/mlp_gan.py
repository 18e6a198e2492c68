"""The first lesson: the fully connected GAN (Goodfellow et al. 2014), which turns noise into a grey picture of 28 × 28
pixels. No words reach it: it draws what it was trained on.

B pictures, Z noise width.
"""

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
from pipelines.text_encoder import tidy
from pipelines.text_to_image.gan import noise_of
from pipelines.text_to_image.steps import OnStep, Step

IMAGE_SIZE = 28


class MLPGenerator(ModelMixin, ConfigMixin):
    """G: noise [B, Z] → pixels [B, 784] in [0, 1], black to white. The paper's had no batch norm (Ioffe and Szegedy
    2015); without it the discriminator soon wins for good under the minimax loss."""

    @register_to_config
    def __init__(self, noise_size: int = 100, batch_norm: bool = True):
        super().__init__()
        norm = nn.BatchNorm1d if batch_norm else nn.Identity
        self.layer1, self.norm1 = nn.Linear(noise_size, 256), norm(256)
        self.layer2, self.norm2 = nn.Linear(256, 512), norm(512)
        self.layer3, self.norm3 = nn.Linear(512, 1024), norm(1024)
        self.pixels = nn.Linear(1024, IMAGE_SIZE**2)

    def forward(self, noise: Tensor) -> Tensor:
        h = F.leaky_relu(self.norm1(self.layer1(noise)), 0.2)  # (B, 256)
        h = F.leaky_relu(self.norm2(self.layer2(h)), 0.2)      # (B, 512)
        h = F.leaky_relu(self.norm3(self.layer3(h)), 0.2)      # (B, 1024)
        return torch.sigmoid(self.pixels(h))                   # (B, 784)


def to_pictures(pixels: Tensor) -> list[Image.Image]:
    """Pixels [B, 784] in [0, 1] → grey pictures with three equal channels, since all that look at pictures expect
    three."""
    grey = pixels.unflatten(1, (1, IMAGE_SIZE, IMAGE_SIZE))  # (B, 1, 28, 28)
    return to_pil((2 * grey - 1).expand(-1, 3, -1, -1))


class MLPGANModel:
    """The shipped generator behind the one call. Any prompt will do, and so will none."""

    defaults: ClassVar[dict] = {}
    follows_words = False

    def __init__(self, folder: Path):
        checkpoint.verify(folder, folder.name)
        self.generator = MLPGenerator.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.generator.eval().to(device.device())

    def clean(self, prompt: str) -> str:
        return tidy(prompt)

    def unknown_words(self, prompt: str) -> list[str]:
        return []

    def check(self) -> dict:
        return {}

    @torch.inference_mode()
    def generate(self, prompt: str, seeds: list[int], on_step: OnStep | None = None) -> list[Image.Image]:
        noise = noise_of(seeds, self.generator.config.noise_size).to(device.device())  # (B, Z)
        images = to_pictures(self.generator(noise))
        if on_step is not None:
            on_step(Step(1, 1, lambda: images))
        return images
