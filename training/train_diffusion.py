"""Train the diffusion model: predict the clean picture under flow-matching noise, the error weighted as a velocity's,
and near the end of the path also as it looks to the CNN; `--preset adversarial` goes on with a discriminator.
`python -m training.train_diffusion --data DIR... [--scenes DIR --subject dog]`

B pictures a batch, S sentence width.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from pipelines import checkpoint
from pipelines.errors import InputError
from pipelines.image_encoder import ImageEncoder, from_imagenet
from pipelines.images import grid, normalize_signed, to_pil, to_signed
from pipelines.text_encoder import PromptEncoder
from pipelines.text_to_image.diffusion import PatchDiffusionPipeline, pixel_noise
from pipelines.text_to_image.unet import HEAD_SIZE, PatchUNet
from training.adversary import DISCRIMINATOR, Adversary, foreign_captions, load_discriminator
from training.augment import random_crop_flip
from training.conditioning import encode_captions
from training.config import SCHEDULES, Schedule, option, parse, run_command, show
from training.data import load_pixels
from training.generators import GeneratorTrainingConfig, channels_for, read_records
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun
from training.losses import perceptual_distance
from training.order import batch_indices
from training.sample_sheet import SAMPLE_PROMPTS
from training.watch import Watch


@dataclass(frozen=True)
class DiffusionTrainingConfig(GeneratorTrainingConfig):
    output_dir: str = option("runs/diffusion", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/diffusion", "the finished pipeline goes here")
    patch_size: int = option(8, "pixels a side of a patch, a cell of the U-Net's grid")
    width: float = option(1.0, "the U-Net's channels, as a multiple of those of the model that ships")
    batch_size: int = option(64, "examples a step and process")
    max_steps: int = option(200_000, "optimizer steps of the whole schedule")
    learning_rate: float = option(4e-4, "peak learning rate (betas 0.9 and 0.95)")
    lr_scheduler: Schedule = option("constant_with_warmup", SCHEDULES)
    lr_warmup_steps: int = option(300, "steps of linear warm-up")
    weight_decay: float = option(0.01, "decoupled weight decay (AdamW)")
    time_mean: float = option(1.5, "mean of the noise levels' logits; above 0 means more noise than picture")
    time_deviation: float = option(1.4, "their standard deviation; the words have to set the colours near σ = 1")
    shift: float = option(3.0, "of the sampler's noise levels: above 1, more of its steps are spent near σ = 1")
    least_sigma: float = option(0.05, "below it the weight 1/σ² grows no more")
    perceptual_weight: float = option(0.02, "weight of the distance between predicted and real in CNN features")
    perceptual_sigma: float = option(0.75, "noise level below which that distance counts")
    adversarial_weight: float = option(0.0, "weight of a discriminator's belief in the predicted pictures; 0: none")
    discriminator: str = option("", "start it from this folder, a GAN's say, where init_from has none")
    discriminator_learning_rate: float = option(2e-4, "of the discriminator")
    gradient_checkpointing: bool = option(False, "compute the U-Net's levels twice instead of keeping what they need")
    text_dropout: float = option(0.1, "share of pictures trained without words, for classifier-free guidance")
    sample_steps: int = option(12, "Euler steps of the sample sheets, and of whoever chooses none later")
    sample_guidance: float = option(4.0, "guidance scale of the sample sheets, and of whoever chooses none later")
    num_validation: int = option(64, "pictures of held-out captions beside every sheet, see watch.py; 0: none")


PRESETS = {
    "tiny": {"max_steps": 4, "batch_size": 4, "image_size": 32, "patch_size": 4, "sample_every": 2, "save_every": 2,
             "log_every": 1, "lr_warmup_steps": 0, "sample_steps": 2, "num_validation": 4},
    "cpu": {},
    # a discriminator as fast as the model wins within a thousand steps, and then teaches grain
    "adversarial": {"adversarial_weight": 0.015, "discriminator_learning_rate": 5e-5, "batch_size": 32,
                    "learning_rate": 2e-4, "lr_warmup_steps": 50, "ema_decay": 0.998, "shift": 8.0, "sample_steps": 6,
                    "sample_guidance": 1.5},
    "gpu": {"batch_size": 512, "learning_rate": 8e-4, "compile": True},
}  # fmt: skip
CHANNELS = {32: (16, 32), 64: (128, 256, 352), 128: (160, 256, 352)}
SAMPLES = 4


def noise_levels(config: DiffusionTrainingConfig, num_pictures: int, device: torch.device) -> Tensor:
    """Logit-normal noise levels (Esser et al. 2024): σ = sigmoid(m + s n), float32 [num_pictures]."""
    return torch.sigmoid(config.time_mean + config.time_deviation * torch.randn(num_pictures, device=device))


def velocity_loss(predicted: Tensor, x: Tensor, sigma: Tensor, least_sigma: float) -> Tensor:
    """E[‖v̂ − v‖²] = E[‖x̂ − x‖² / σ²], since v = (z − x) / σ; the weight is bounded as σ goes to 0 (the place of min-SNR
    weighting, Hang et al. 2023). Pictures [B, 3, H, W], noise levels [B]."""
    return (((predicted.float() - x) / sigma.clamp(min=least_sigma)[:, None, None, None]) ** 2).mean()


def perceptual_loss(encoder: ImageEncoder, predicted: Tensor, x: Tensor) -> Tensor:
    """How unlike the predicted pictures look to the CNN (Lin and Yang 2024): mean distance of [N, 3, H, W] in −1…1."""
    with torch.no_grad():
        real = encoder.features(normalize_signed(x))
    return perceptual_distance(encoder.features(normalize_signed(predicted)), real).mean()


def build(config: DiffusionTrainingConfig, encoder: PromptEncoder) -> PatchUNet:
    """The U-Net, from the pipeline `init_from` where it is given."""
    channels = list(channels_for(config.image_size, CHANNELS))
    if config.width != 1:
        channels = [HEAD_SIZE * max(1, round(config.width * c / HEAD_SIZE)) for c in channels]
    if config.init_from:
        sizes = {"image_size": config.image_size, "sentence_size": encoder.model.config.sentence_size}
        sizes |= {"channels": channels} if config.width != 1 else {}
        unet = load_initial(PatchUNet, Path(config.init_from) / "unet", **sizes)
        unet.register_to_config(text_encoder=encoder.hash)
        return unet
    return PatchUNet(
        config.image_size, config.patch_size, channels,
        sentence_size=encoder.model.config.sentence_size, text_encoder=encoder.hash,
    )  # fmt: skip


def export(
    config: DiffusionTrainingConfig, pipeline: PatchDiffusionPipeline, adversary: Adversary | None, facts: dict
) -> None:
    """Write the pipeline in half precision: model_index.json and its parts, each with checksums; and the discriminator
    to go on from."""
    folder = Path(config.weights_dir)
    pipeline.unet.half()
    pipeline.save_pretrained(folder)
    if adversary:
        adversary.save(folder)
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    checkpoint.write_checksums(folder)


def main(arguments: list[str] | None = None) -> None:
    config = parse(DiffusionTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config, may_share=not config.adversarial_weight)
    encoder = PromptEncoder()
    unet = build(config, encoder).to(memory_format=run.memory_format)
    discriminator = None
    if config.adversarial_weight:
        if config.discriminator and not (Path(config.discriminator) / DISCRIMINATOR).is_file():
            raise InputError("init_missing", name=config.discriminator, path=DISCRIMINATOR)
        discriminator = load_discriminator(encoder.model.config.sentence_size, config.init_from, config.discriminator)
    if config.dry_run:
        show(config, unet=unet, discriminator=discriminator)
        return
    if config.gradient_checkpointing:
        unet.enable_gradient_checkpointing()

    data = load_pixels(read_records(config, "train"), config.image_size * 9 // 8, crop=True)
    captions = encode_captions(data.records, encoder)
    pixels = data.pixels.to(run.device) if run.device.type == "cuda" else data.pixels
    cnn = from_imagenet().fuse().requires_grad_(False).to(run.device, memory_format=torch.channels_last)
    sentences = encoder(list(SAMPLE_PROMPTS))[2].repeat_interleave(SAMPLES, 0).to(run.device)
    sample_seeds = len(SAMPLE_PROMPTS) * list(range(SAMPLES))
    watch = Watch(data, read_records(config, "validation"), config.num_validation, encoder, cnn, config.image_size)

    optimizer = run.optimizer(unet.parameters(), (0.9, 0.95))
    ema = run.ema(unet)
    unet, optimizer, schedule = run.prepare(unet, optimizer, run.schedule(optimizer))
    adversary = None
    if discriminator:
        adversary = Adversary(run, discriminator, cnn, config.discriminator_learning_rate)
    averaged = PatchDiffusionPipeline(
        ema.module, FlowMatchEulerDiscreteScheduler(shift=config.shift), config.sample_guidance, config.sample_steps
    )
    averaged.set_progress_bar_config(disable=True)

    def make(seeds: list[int], sentences: Tensor) -> Tensor:
        return averaged(
            sentences, torch.zeros_like(sentences), pixel_noise(seeds, config.image_size).to(run.device),
            guidance_scale=config.sample_guidance, num_inference_steps=config.sample_steps,
        )  # fmt: skip

    trained = (unet, adversary.discriminator) if adversary else (unet,)
    scalars: dict[str, Tensor] = {}

    for step in run.steps(data.fingerprint()):
        for number in run.batches(*trained):
            rows = batch_indices(len(data), run.batch_of_all, number, config.seed).tolist()
            x = to_signed(random_crop_flip(pixels[rows], config.image_size).to(run.device))  # (B, 3, size, size)
            said = captions.draw(rows).to(run.device)                                        # (B, S)
            words = said * (torch.rand(len(said), 1, device=run.device) >= config.text_dropout)
            sigma = noise_levels(config, len(x), run.device)                                 # (B,)
            noise = torch.randn_like(x)
            # under more noise only the mean of many pictures can be known, which looks like none of them
            near_of_all = sigma < config.perceptual_sigma
            x, words, sigma, noise, near = map(run.own, (x, words, sigma, noise, near_of_all))
            s = sigma[:, None, None, None]
            z = (1 - s) * x + s * noise
            with run.accelerator.autocast():
                predicted = unet(z, sigma, words)                                            # (B, 3, size, size)
                loss = velocity_loss(predicted, x, sigma, config.least_sigma)
                looks = perceptual_loss(cnn, predicted[near], x[near]) if near.any() else predicted.new_zeros(())
            # a process counts by how many of the near pictures are its own
            share = near.float().mean() / near_of_all.float().mean().clamp(min=1e-6)
            total = loss + config.perceptual_weight * share * looks
            if adversary:
                run.apart()
                said, own_rows = run.own(said), run.own(rows)
                foreign = foreign_captions(captions, data.records, own_rows, config.recoloured, encoder).to(run.device)
                with run.accelerator.autocast():
                    made_maps = adversary.judge(predicted)
                    with torch.no_grad():
                        real_maps = adversary.judge(x)
                scalars = adversary.learn(real_maps, made_maps, said, foreign, said)
                scalars["loss_g"] = adversary.generator_loss_of(made_maps, said)
                total = total + config.adversarial_weight * scalars["loss_g"]
            norm = run.descend(total, optimizer, schedule)
        ema.update_parameters(run.accelerator.unwrap_model(unet))
        run.log(loss=loss, looks=looks, gradient_norm=norm, lr=schedule.get_last_lr()[0], **scalars)
        if (step + 1) % config.sample_every == 0 and run.accelerator.is_main_process:
            run.sample(grid(to_pil(make(sample_seeds, sentences)), 2 * SAMPLES))
            if figures := watch.look(make):
                run.validated(figures, -figures["kid"])

    if run.accelerator.is_main_process:
        export(config, averaged, adversary, run.facts(data) | {"validation": run.figures})
        publish(config.push_to_hub, config.weights_dir, "train_diffusion")


if __name__ == "__main__":
    run_command(main)
