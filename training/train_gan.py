"""Train the text-conditional GAN: one generator step and one discriminator step on the same fakes.
`python -m training.train_gan --data DIR... [--scenes DIR --subject dog]`

B pictures a batch, Z noise width, S sentence width.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from pipelines import checkpoint
from pipelines.image_encoder import from_imagenet
from pipelines.images import grid, to_pil, to_signed
from pipelines.text_encoder import PromptEncoder
from pipelines.text_to_image.gan import Generator, noise_of
from training.adversary import Adversary, foreign_captions, load_discriminator
from training.augment import random_crop_flip
from training.conditioning import encode_captions
from training.config import Optimizer, option, parse, run_command, show
from training.data import CaptionedImages, load_pixels
from training.discriminator import Discriminator
from training.generators import GeneratorTrainingConfig, channels_for, read_records
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun
from training.losses import mode_seeking, perceptual_distance
from training.order import batch_indices
from training.sample_sheet import SAMPLE_PROMPTS, SAMPLES_A_PROMPT
from training.watch import Watch


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
    sentence_noise: float = option(0.025, "standard deviation of noise on the sentence vectors")


PRESETS = {
    "tiny": {"max_steps": 4, "batch_size": 4, "image_size": 32, "sample_every": 2, "save_every": 2, "log_every": 1,
             "num_validation": 4},
    "cpu": {"batch_size": 32},
    "gpu": {"batch_size": 256, "learning_rate": 4e-4, "compile": True},
}  # fmt: skip
CHANNELS = {16: (64, 64), 32: (128, 96, 64), 64: (384, 256, 128, 64), 128: (384, 384, 256, 128, 64)}


def build(config: GANTrainingConfig, encoder: PromptEncoder) -> tuple[Generator, Discriminator]:
    """Both networks, from `init_from` where it is given: its generator, and its discriminator if that is kept there."""
    sentence_size = encoder.model.config.sentence_size
    if config.init_from:
        sizes = {"image_size": config.image_size, "sentence_size": sentence_size}
        generator = load_initial(Generator, config.init_from, **sizes)
        generator.register_to_config(text_encoder=encoder.hash)
    else:
        channels = channels_for(config.image_size, CHANNELS)
        generator = Generator(channels, sentence_size=sentence_size, text_encoder=encoder.hash)
    return generator, load_discriminator(sentence_size, config.init_from)


def halves(maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The maps of the first half of a batch, and of the second; an odd one is left out."""
    size = len(maps[0]) // 2
    return [x[:size] for x in maps], [x[size : 2 * size] for x in maps]


def export(config: GANTrainingConfig, generator: Generator, adversary: Adversary, facts: dict) -> None:
    """Write the checkpoint in half precision: the averaged generator, and the discriminator to go on from."""
    folder = Path(config.weights_dir)
    generator.half().save_pretrained(folder)
    adversary.save(folder)
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
    noise_size = generator.config.noise_size
    sample_sentences = encoder(list(SAMPLE_PROMPTS))[2].repeat_interleave(SAMPLES_A_PROMPT, 0).to(run.device)
    sample_seeds = len(SAMPLE_PROMPTS) * list(range(SAMPLES_A_PROMPT))
    watch = Watch(data, read_records(config, "validation"), config.num_validation, encoder, features, config.image_size)

    def make(seeds: list[int], sentences: Tensor) -> Tensor:
        return ema.module(noise_of(seeds, noise_size).to(run.device), sentences)

    optimizer = run.optimizer(generator.parameters(), (0.0, 0.99))
    ema = run.ema(generator)
    generator, optimizer, schedule = run.prepare(generator, optimizer, run.schedule(optimizer))
    adversary = Adversary(run, discriminator, features, config.learning_rate, config.loss)
    rank, world = run.accelerator.process_index, run.accelerator.num_processes
    batch = config.batch_size

    for step in run.steps(data.fingerprint()):
        for number in run.batches(generator, adversary.discriminator):
            run.apart()  # the norms and the deviation over a batch are each process's own, so that its draws may be too
            rows = batch_indices(len(data), batch, number, config.seed, rank, world).tolist()
            real = to_signed(random_crop_flip(pixels[rows], config.image_size).to(run.device))   # (B, 3, size, size)
            words = captions.draw(rows).to(run.device)                                           # (B, S)
            foreign = foreign_captions(captions, data.records, rows, config.recoloured, encoder).to(run.device)
            words, foreign = (w + config.sentence_noise * torch.randn_like(w) for w in (words, foreign))
            asked = words[: batch // 2].repeat(2, 1)  # every prompt twice, so that its two pictures can be compared
            noise = torch.randn(len(asked), noise_size, device=run.device)                       # (B, Z)

            with run.accelerator.autocast():
                fake = generator(noise, asked)                                                   # (B, 3, size, size)
                fake_maps = adversary.judge(fake)
                with torch.no_grad():
                    real_maps = adversary.judge(real)
            scalars = adversary.learn(real_maps, fake_maps, words, foreign, asked)
            loss_g = adversary.generator_loss_of(fake_maps, asked)
            # in pixels a change of brightness would do; in features the layout has to change
            floor = config.mode_seeking_floor * perceptual_distance(*halves(real_maps)).mean()
            alike = mode_seeking(perceptual_distance(*halves(fake_maps)), floor)
            run.descend(loss_g + config.mode_seeking_weight * alike, optimizer, schedule)
        ema.update_parameters(run.accelerator.unwrap_model(generator))
        run.log(loss_g=loss_g, alike=alike, **scalars)
        if (step + 1) % config.sample_every == 0:
            with torch.no_grad(), run.accelerator.autocast():
                run.sample(grid(to_pil(make(sample_seeds, sample_sentences)), SAMPLES_A_PROMPT))
                if figures := watch.look(make):
                    run.validated(figures, -figures["kid"])

    if run.accelerator.is_main_process:
        facts = run.facts(data) | {"validation": run.figures}
        export(config, ema.module, adversary, facts)
        publish(config.push_to_hub, config.weights_dir, "train_gan")


if __name__ == "__main__":
    run_command(main)
