"""Train the text-conditional GAN: one generator step and one discriminator step on the same fakes.
`python -m training.train_gan --data DIR... [--scenes DIR --subject dog]`

B pictures a batch, Z noise width, S sentence width.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines import checkpoint
from pipelines.image_encoder import from_imagenet
from pipelines.images import grid, normalize_signed, to_pil, to_signed
from pipelines.text_encoder import PromptEncoder
from pipelines.text_to_image.gan import Generator, noise_of
from training.augment import differentiable_augment, random_crop_flip
from training.conditioning import encode_captions, recoloured
from training.config import Optimizer, option, parse, run_command, show
from training.data import CaptionedImages, load_pixels
from training.discriminator import Discriminator
from training.generators import GeneratorTrainingConfig, read_records
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun
from training.losses import GAN_LOSSES, mode_seeking, perceptual_distance
from training.order import batch_indices
from training.sample_sheet import SAMPLE_PROMPTS, SAMPLES_A_PROMPT


@dataclass(frozen=True)
class GANTrainingConfig(GeneratorTrainingConfig):
    output_dir: str = option("runs/gan", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/gan", "the finished checkpoint goes here")
    loss: Literal["hinge", "minimax", "non_saturating"] = option("hinge", "what both networks play for")
    max_steps: int = option(200_000, "optimizer steps of the whole schedule")
    optimizer: Optimizer = option("adam", "what moves the weights of both networks; betas 0 and 0.99")
    learning_rate: float = option(2e-4, "of both networks")
    max_grad_norm: float = option(50.0, "gradients are clipped to this norm")
    mode_seeking_weight: float = option(0.5, "weight of the penalty on like pictures of one prompt")
    mode_seeking_floor: float = option(0.6, "they must differ by this share of what two real pictures differ by")
    recoloured: float = option(0.5, "share of the foreign captions that are the picture's own with a wrong colour")
    sentence_noise: float = option(0.025, "standard deviation of noise on the sentence vectors")


PRESETS = {
    "tiny": {"max_steps": 4, "batch_size": 4, "image_size": 32, "sample_every": 2, "save_every": 2, "log_every": 1},
    "cpu": {"batch_size": 32},
    "gpu": {"batch_size": 256, "learning_rate": 4e-4, "compile": True},
}
CHANNELS = {16: (64, 64), 32: (128, 96, 64), 64: (384, 256, 128, 64), 128: (384, 384, 256, 128, 64)}


def build(config: GANTrainingConfig, encoder: PromptEncoder) -> tuple[Generator, Discriminator]:
    """Both networks, from `init_from` where it is given: its generator, and its discriminator if that is kept there."""
    sentence_size = encoder.model.config.sentence_size
    discriminator = Discriminator(sentence_size=sentence_size)
    if not config.init_from:
        channels = CHANNELS[config.image_size]
        return Generator(channels, sentence_size=sentence_size, text_encoder=encoder.hash), discriminator
    generator = load_initial(Generator, config.init_from, image_size=config.image_size, sentence_size=sentence_size)
    generator.register_to_config(text_encoder=encoder.hash)
    kept = Path(config.init_from) / "discriminator.safetensors"
    if kept.is_file():
        discriminator.load_state_dict(load_file(kept))
    return generator, discriminator


def halves(maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The maps of the first half of a batch, and of the second."""
    first, second = zip(*(x.chunk(2) for x in maps), strict=True)
    return list(first), list(second)


def export(config: GANTrainingConfig, generator: Generator, discriminator: Discriminator, facts: dict) -> None:
    """Write the checkpoint in half precision: the averaged generator, and the discriminator to go on from."""
    folder = Path(config.weights_dir)
    generator.save_config(folder)
    for module, name in ((generator, "diffusion_pytorch_model"), (discriminator, "discriminator")):
        half = {key: (x.half() if x.is_floating_point() else x).contiguous() for key, x in module.state_dict().items()}
        save_file(half, folder / f"{name}.safetensors", metadata={"format": "pt"})
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    checkpoint.write_checksums(folder)


def main(arguments: list[str] | None = None) -> None:
    config = parse(GANTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config)
    encoder = PromptEncoder()
    generator, discriminator = build(config, encoder)
    generator = generator.to(memory_format=torch.channels_last)
    if config.dry_run:
        show(config, generator=generator, discriminator=discriminator)
        return

    data: CaptionedImages = load_pixels(read_records(config, "train"), config.image_size * 9 // 8, crop=True)
    captions = encode_captions(data.records, encoder)
    pixels = data.pixels.to(run.device) if run.device.type == "cuda" else data.pixels
    features = from_imagenet().fuse().requires_grad_(False).to(run.device, memory_format=torch.channels_last)
    discriminator_loss, generator_loss = GAN_LOSSES[config.loss]
    noise_size = generator.config.noise_size
    sample_sentences = encoder(list(SAMPLE_PROMPTS))[2].repeat_interleave(SAMPLES_A_PROMPT, 0).to(run.device)
    sample_noise = noise_of(list(range(SAMPLES_A_PROMPT)), noise_size).repeat(len(SAMPLE_PROMPTS), 1).to(run.device)

    def optimizer_of(module: torch.nn.Module) -> torch.optim.Optimizer:
        return run.optimizer((p for p in module.parameters() if p.requires_grad), (0.0, 0.99))

    def judge(images: Tensor) -> list[Tensor]:
        return features.features(normalize_signed(differentiable_augment(images)))

    optimizer_g, optimizer_d = optimizer_of(generator), optimizer_of(discriminator)
    ema = run.ema(generator)
    generator, discriminator, optimizer_g, optimizer_d, schedule_g, schedule_d = run.prepare(
        generator, discriminator, optimizer_g, optimizer_d, run.schedule(optimizer_g), run.schedule(optimizer_d)
    )
    trained = [p for p in discriminator.parameters() if p.requires_grad]
    rank, world = run.accelerator.process_index, run.accelerator.num_processes
    batch = config.batch_size

    for step in run.steps(data.fingerprint()):
        for number in run.batches(generator, discriminator):
            run.apart()  # the norms and the deviation over a batch are each process's own, so that its draws may be too
            rows = batch_indices(len(data), batch, number, config.seed, rank, world).tolist()
            real = to_signed(random_crop_flip(pixels[rows], config.image_size).to(run.device))   # (B, 3, size, size)
            words = captions.draw(rows).to(run.device)                                           # (B, S)
            foreign = captions.draw(captions.others(rows)).to(run.device)                        # (B, S)
            hard = [k for k in range(len(rows)) if random.random() < config.recoloured]
            of, wrong = recoloured([data.records[rows[k]] for k in hard], encoder)
            foreign[[hard[k] for k in of]] = wrong.to(run.device)
            words, foreign = (w + config.sentence_noise * torch.randn_like(w) for w in (words, foreign))
            asked = words[: batch // 2].repeat(2, 1)  # every prompt twice, so that its two pictures can be compared
            noise = torch.randn(len(asked), noise_size, device=run.device)                       # (B, Z)

            with run.accelerator.autocast():
                fake = generator(noise, asked)                                                   # (B, 3, size, size)
                fake_maps = judge(fake)
                with torch.no_grad():
                    real_maps = judge(real)

                real_logits, mismatched_logits = discriminator(real_maps, words, foreign)
                (fake_logits,) = discriminator([x.detach() for x in fake_maps], asked)
                loss_d = discriminator_loss(real_logits, fake_logits, mismatched_logits)
            run.descend(loss_d, optimizer_d, schedule_d)

            for p in trained:
                p.requires_grad_(False)
            with run.accelerator.autocast():
                (fake_logits,) = discriminator(fake_maps, asked)
                # in pixels a change of brightness would do; in features the layout has to change
                floor = config.mode_seeking_floor * perceptual_distance(*halves(real_maps)).mean()
                alike = mode_seeking(perceptual_distance(*halves(fake_maps)), floor)
                loss_g = generator_loss(fake_logits) + config.mode_seeking_weight * alike
            run.descend(loss_g, optimizer_g, schedule_g)
            for p in trained:
                p.requires_grad_(True)

        ema.update_parameters(run.accelerator.unwrap_model(generator))
        run.log(loss_d=loss_d, loss_g=loss_g, real=real_logits.mean(), fake=fake_logits.mean(), alike=alike)
        if (step + 1) % config.sample_every == 0:
            with torch.no_grad(), run.accelerator.autocast():
                run.sample(grid(to_pil(ema.module(sample_noise, sample_sentences)), SAMPLES_A_PROMPT))

    if run.accelerator.is_main_process:
        export(config, ema.module, run.accelerator.unwrap_model(discriminator), run.facts(data))
        publish(config.push_to_hub, config.weights_dir, "train_gan")


if __name__ == "__main__":
    run_command(main)
