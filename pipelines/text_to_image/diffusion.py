"""A small diffusion model in pixels: flow matching (Lipman et al. 2023) with classifier-free guidance (Ho and Salimans
2022), sampled by the flow-matching schedulers of `diffusers`.

z_σ = (1 − σ) x + σ ε leads from the picture x (σ = 0) to noise ε (σ = 1); its velocity is v = ε − x = (z_σ − x) / σ.

B pictures, S sentence width.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, SchedulerMixin
from PIL import Image
from torch import Tensor

from pipelines import checkpoint, device
from pipelines.images import to_pil
from pipelines.numbers import real, whole
from pipelines.text_encoder import clean_prompt
from pipelines.text_to_image.own import OwnGenerator
from pipelines.text_to_image.pipeline import SCHEDULERS, known_scheduler
from pipelines.text_to_image.steps import MAX_STEPS, OnStep, Step
from pipelines.text_to_image.unet import PatchUNet

SAMPLERS = dict(zip(SCHEDULERS, (FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler), strict=True))
MAX_GUIDANCE = 30.0


class PatchDiffusionPipeline(DiffusionPipeline):
    """The U-Net and its scheduler as one `diffusers` folder. Conditioned on sentence vectors, not on text."""

    def __init__(
        self, unet: PatchUNet, scheduler: SchedulerMixin, guidance_scale: float = 4.0, num_inference_steps: int = 12
    ):
        """The guidance and the steps are those that suit the U-Net; whoever samples may choose others."""
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(guidance_scale=guidance_scale, num_inference_steps=num_inference_steps)

    @torch.inference_mode()
    def __call__(
        self,
        sentence: Tensor,
        negative: Tensor,
        noise: Tensor,
        *,
        guidance_scale: float,
        num_inference_steps: int,
        scheduler: str = "euler",
        on_step: Callable[[int, int, Tensor], None] | None = None,
    ) -> Tensor:
        """Sentence vectors and negative ones [B, S] (zeros: no text), noise [B, 3, size, size] → pictures in [-1, 1].

        `on_step(k, n, x)` sees the clean picture that evaluation k of n predicts, and may end the run by raising.
        """
        guided = guidance_scale != 1

        def predict(z: Tensor, sigma: Tensor) -> Tensor:
            words = torch.cat([sentence, negative]) if guided else sentence
            pictures = z.repeat(1 + guided, 1, 1, 1)
            with device.autocast():
                x = self.unet(pictures, sigma.expand(len(pictures)), words).float()
            if not guided:
                return x
            x, x_negative = x.chunk(2)
            return x_negative + guidance_scale * (x - x_negative)                # (B, 3, size, size)

        sampler = SAMPLERS[scheduler].from_config(self.scheduler.config)
        return sample(sampler, predict, noise, num_inference_steps, on_step)


def sample(
    scheduler: SchedulerMixin,
    predict: Callable[[Tensor, Tensor], Tensor],
    noise: Tensor,
    num_inference_steps: int,
    on_step: Callable[[int, int, Tensor], None] | None = None,
) -> Tensor:
    """Follow the velocity from noise to a picture, where `predict(z, σ)` guesses the clean one: two evaluations a step
    of Heun's method, one of Euler's. The scheduler's `shift` s turns even steps of σ into s σ / (1 + (s − 1) σ), which
    lie closer together in noise (Esser et al. 2024, eq. 23)."""
    if isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        # by itself it would spend the last step on σ = 0.001
        sigmas = np.linspace(1, 1 / num_inference_steps, num_inference_steps)
        scheduler.set_timesteps(sigmas=sigmas, device=noise.device)
    else:
        scheduler.set_timesteps(num_inference_steps, device=noise.device)
    z = noise
    for k, timestep in enumerate(scheduler.timesteps):
        sigma = timestep / scheduler.config.num_train_timesteps
        x = predict(z, sigma)
        z = scheduler.step((z - x) / sigma, timestep, z).prev_sample
        if on_step is not None:
            on_step(k + 1, len(scheduler.timesteps), x)
    return z


def pixel_noise(seeds: list[int], size: int) -> Tensor:
    """One CPU generator a seed, so that a seed means the same noise in every batch and on every device."""
    return torch.stack([torch.randn(3, size, size, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class DiffusionModel(OwnGenerator):
    """The shipped diffusion pipeline with the prompt encoder that it was trained on."""

    def __init__(self, folder: Path):
        checkpoint.verify(folder, folder.name)
        self.pipeline = PatchDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.pipeline.unet.eval().to(device.device(), memory_format=torch.channels_last)
        super().__init__(folder, self.pipeline.unet.config.text_encoder)
        self.defaults = {
            "negative_prompt": "",
            "guidance_scale": self.pipeline.config["guidance_scale"],
            "num_inference_steps": self.pipeline.config["num_inference_steps"],
            "scheduler": "euler",
        }

    def check(self, negative_prompt: str, guidance_scale: float, num_inference_steps: int, scheduler: str) -> dict:
        """The settings in their own types. Raises InputError for the first that is out of range."""
        return {
            "scheduler": known_scheduler(scheduler),
            "negative_prompt": clean_prompt(negative_prompt) if negative_prompt.strip() else "",
            "guidance_scale": real(guidance_scale, "guidance_scale", 0, MAX_GUIDANCE),
            "num_inference_steps": whole(num_inference_steps, "num_inference_steps", 1, MAX_STEPS),
        }

    @torch.inference_mode()
    def generate(
        self, prompt: str, seeds: list[int], on_step: OnStep | None = None, *, negative_prompt: str = "", **settings
    ) -> list[Image.Image]:
        _, _, vectors = self.encoder([prompt, negative_prompt or prompt])
        sentence, negative = vectors[:, None].expand(-1, len(seeds), -1)                     # (B, S) each
        noise = pixel_noise(seeds, self.pipeline.unet.config.image_size).to(device.device())

        def report(k: int, n: int, x: Tensor) -> None:
            on_step(Step(k, n, lambda: to_pil(x)))

        images = self.pipeline(
            sentence, negative if negative_prompt else torch.zeros_like(sentence), noise,
            on_step=report if on_step else None, **settings,
        )  # fmt: skip
        return to_pil(images)
