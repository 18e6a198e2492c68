"""A walk through what the GAN can draw: from one seed to another, from one prompt to another, in even steps.

N frames, Z noise width, S sentence width.
"""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from pipelines import device
from pipelines.errors import InputError
from pipelines.images import to_pil
from pipelines.numbers import MAX_SEED, whole
from pipelines.text_to_image.gan import GANModel, noise_of
from pipelines.text_to_image.pipeline import load_text_to_image

MAX_FRAMES = 60
FORMATS = ("webp", "gif")


def slerp(first: Tensor, second: Tensor, parts: Tensor) -> Tensor:
    """Spherical interpolation (Shoemake 1985), which keeps noise as long as noise is: [Z], [Z], [N] in 0…1 → [N, Z]."""
    cosine = torch.dot(first, second) / (first.norm() * second.norm())
    angle = torch.arccos(cosine.clamp(-1, 1))
    parts = parts[:, None]
    if angle.sin() < 1e-4:  # the same direction: a straight line
        return first + parts * (second - first)
    return (torch.sin((1 - parts) * angle) * first + torch.sin(parts * angle) * second) / angle.sin()


@torch.inference_mode()
def walk(prompts: tuple[str, str], seeds: tuple[int, int], num_frames: int = 24) -> list[Image.Image]:
    """Frames from the first prompt and seed to the second ones; the ends are the very pictures that those make.

    An empty second prompt is the first one again. Raises InputError for prompts and seeds that make no picture.
    """
    num_frames = whole(num_frames, "num_frames", 2, MAX_FRAMES)
    seeds = tuple(whole(seed, "seed", 0, MAX_SEED) for seed in seeds)
    gan: GANModel = load_text_to_image("gan").model
    cleaned = [gan.clean(prompt) for prompt in (prompts[0], prompts[1].strip() or prompts[0])]
    with device.LOCK:
        parts = torch.linspace(0, 1, num_frames)                                                 # (N,)
        sentences = torch.stack([gan.encoder([prompt])[2][0] for prompt in cleaned])             # (2, S)
        words = slerp(*sentences.cpu(), parts)                                                   # (N, S)
        noise = slerp(*noise_of(list(seeds), gan.generator.config.noise_size), parts)            # (N, Z)
        with device.autocast():
            return to_pil(gan.generator(noise.to(device.device()), words.to(device.device())))


def animate(frames: list[Image.Image], path: Path, seconds: float = 2.0) -> None:
    """Write the walk there and back, over and over, as WebP or GIF by the ending of `path`; one way is `seconds`."""
    if path.suffix[1:] not in FORMATS:
        raise InputError("export", value=path.suffix[1:], known=", ".join(FORMATS))
    loop = frames + frames[-2:0:-1]
    loop[0].save(path, save_all=True, append_images=loop[1:], duration=round(1000 * seconds / len(frames)), loop=0)
