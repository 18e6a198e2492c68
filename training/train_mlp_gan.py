"""Train the first lesson, the fully connected GAN (Goodfellow et al. 2014, algorithm 1): one step of the discriminator,
one of the generator, on new noise each. `python -m training.train_mlp_gan [--data digits] [--loss minimax]`

B pictures a batch, Z noise width.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines import checkpoint
from pipelines.images import grid
from pipelines.text_to_image.gan import noise_of
from pipelines.text_to_image.mlp_gan import IMAGE_SIZE, MLPGenerator, to_pictures
from training.adversary import DISCRIMINATOR
from training.config import Optimizer, Precision, TrainingConfig, option, parse, run_command, show
from training.data import DIGITS, load
from training.hub import publish
from training.initial import load_initial
from training.loop import TrainingRun
from training.losses import GAN_LOSSES
from training.order import batch_indices

SAMPLE_ROWS, SAMPLE_COLUMNS = 6, 12
LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R BT.601


@dataclass(frozen=True)
class MLPGANTrainingConfig(TrainingConfig):
    data: list[str] = field(
        default_factory=lambda: [DIGITS], metadata={"help": "folders or Hub dataset ids, turned grey; digits: 0 to 9"}
    )
    output_dir: str = option("runs/mlp-gan", "states, samples and TensorBoard logs go here")
    weights_dir: str = option("weights/mlp-gan", "the finished checkpoint goes here")
    loss: Literal["minimax", "non_saturating", "hinge"] = option("minimax", "what both networks are taught by")
    max_steps: int = option(10_000, "optimizer steps of the whole schedule")
    batch_size: int = option(64, "examples a step and process")
    optimizer: Optimizer = option("adam", "of both networks; betas are 0.5 and 0.999")
    learning_rate: float = option(2e-4, "of both networks")
    max_grad_norm: float = option(50.0, "gradients are clipped to this norm")
    batch_norm: bool = option(True, "normalise the generator's hidden layers over the batch; the paper did not")
    dropout: float = option(0.3, "share of the discriminator's hidden values that are left out in training")
    mixed_precision: Precision = option("no", "the numbers of the networks; the weights stay float32")
    ema_decay: float = option(0.999, "decay of the exponential moving average of the weights; 0: none")


PRESETS = {
    "tiny": {"max_steps": 4, "batch_size": 4, "sample_every": 2, "save_every": 2, "log_every": 1},
}


class MLPDiscriminator(nn.Sequential):
    """D: pixels [B, 784] in [0, 1] → logits [B, 1], D's belief that each picture is real."""

    def __init__(self, dropout: float = 0.0):
        super().__init__(
            nn.Linear(IMAGE_SIZE**2, 512), nn.LeakyReLU(0.2), nn.Dropout(dropout),  # (B, 512)
            nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Dropout(dropout),            # (B, 256)
            nn.Linear(256, 1),                                                      # (B, 1)
        )  # fmt: skip


def grey(pixels: Tensor) -> Tensor:
    """uint8 [B, 3, H, W] → grey float32 [B, H·W] in [0, 1]."""
    return (pixels * LUMA).sum(1).flatten(1).div(255)


def build(config: MLPGANTrainingConfig) -> tuple[MLPGenerator, MLPDiscriminator]:
    """Both networks, from `init_from` where it is given."""
    generator, discriminator = MLPGenerator(batch_norm=config.batch_norm), MLPDiscriminator(config.dropout)
    if config.init_from:
        generator = load_initial(MLPGenerator, config.init_from)
        discriminator.load_state_dict(load_file(Path(config.init_from) / DISCRIMINATOR))
    return generator, discriminator


def export(config: MLPGANTrainingConfig, generator: MLPGenerator, discriminator: nn.Module, facts: dict) -> None:
    """Write the checkpoint in half precision: the generator, and the discriminator to go on from."""
    folder = Path(config.weights_dir)
    generator.half().save_pretrained(folder)
    save_file(discriminator.half().state_dict(), folder / DISCRIMINATOR, metadata={"format": "pt"})
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    checkpoint.write_checksums(folder)


def main(arguments: list[str] | None = None) -> None:
    config = parse(MLPGANTrainingConfig(), PRESETS, __doc__, arguments)
    run = TrainingRun(config)
    generator, discriminator = build(config)
    if config.dry_run:
        show(config, generator=generator, discriminator=discriminator)
        return

    data = load(config.data, "train", IMAGE_SIZE, crop=True, captioned=False)
    images = grey(data.pixels)                                                               # (N, 784)
    images = images.to(run.device) if run.device.type == "cuda" else images
    discriminator_loss, generator_loss = GAN_LOSSES[config.loss]
    noise_size = generator.config.noise_size
    sample_noise = noise_of(list(range(SAMPLE_ROWS * SAMPLE_COLUMNS)), noise_size).to(run.device)

    optimizers = [run.optimizer(module.parameters(), betas=(0.5, 0.999)) for module in (generator, discriminator)]
    ema = run.ema(generator)
    generator, discriminator, optimizer_g, optimizer_d, schedule_g, schedule_d = run.prepare(
        generator, discriminator, *optimizers, *map(run.schedule, optimizers)
    )
    rank, world = run.accelerator.process_index, run.accelerator.num_processes

    for step in run.steps(data.fingerprint()):
        for number in run.batches(generator, discriminator):
            run.apart()  # the norms over a batch are each process's own, so that its draws may be too
            rows = batch_indices(len(data), config.batch_size, number, config.seed, rank, world)
            real = images[rows].to(run.device)                                               # (B, 784)
            noise_d, noise_g = torch.randn(2, len(rows), noise_size, device=run.device)      # (B, Z) each

            with run.accelerator.autocast():
                with torch.no_grad():
                    fake = generator(noise_d)                                                # (B, 784)
                real_logits, fake_logits = discriminator(real), discriminator(fake)          # (B, 1) each
                loss_d = discriminator_loss(real_logits, fake_logits)
            run.descend(loss_d, optimizer_d, schedule_d)

            discriminator.requires_grad_(False)
            with run.accelerator.autocast():
                loss_g = generator_loss(discriminator(generator(noise_g)))
            run.descend(loss_g, optimizer_g, schedule_g)
            discriminator.requires_grad_(True)

        ema.update_parameters(run.accelerator.unwrap_model(generator))
        # D(x) and D(G(z)) of the paper: ½ each where D can't tell them apart
        belief = {"d_real": real_logits.sigmoid().mean(), "d_fake": fake_logits.sigmoid().mean()}
        run.log(loss_d=loss_d, loss_g=loss_g, **belief)
        if (step + 1) % config.sample_every == 0:
            with torch.no_grad():
                run.sample(grid(to_pictures(ema.module(sample_noise)), SAMPLE_COLUMNS))

    if run.accelerator.is_main_process:
        bare = run.accelerator.unwrap_model(discriminator, keep_torch_compile=False)
        export(config, ema.module, bare, run.facts(data))
        publish(config.push_to_hub, config.weights_dir, "train_mlp_gan")


if __name__ == "__main__":
    run_command(main)
