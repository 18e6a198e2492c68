"""What a generator plays against: the discriminator with the CNN whose features it sees, its own optimizer, and the
foreign captions that it has to tell from the right ones. Shared by the GAN and the diffusion model.

B pictures a batch, S sentence width.
"""

import random
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.image_encoder import ImageEncoder
from pipelines.images import normalize_signed
from pipelines.text_encoder import PromptEncoder
from training.augment import differentiable_augment
from training.conditioning import CaptionVectors, recoloured
from training.data import Record
from training.discriminator import Discriminator
from training.loop import TrainingRun
from training.losses import GAN_LOSSES

DISCRIMINATOR = "discriminator.safetensors"  # beside a generator's weights, to go on from


def load_discriminator(sentence_size: int, *folders: str) -> Discriminator:
    """The discriminator that lies in the first of the folders to have one, or else a new one."""
    discriminator = Discriminator(sentence_size=sentence_size)
    for path in (Path(folder) / DISCRIMINATOR for folder in folders if folder):
        if path.is_file():
            discriminator.load_state_dict(load_file(path))
            break
    return discriminator


class Adversary:
    """A discriminator that learns while it judges; `loss` is a name of GAN_LOSSES."""

    def __init__(
        self, run: TrainingRun, discriminator: Discriminator, cnn: ImageEncoder, learning_rate: float,
        loss: str = "hinge",
    ):  # fmt: skip
        self.run, self.cnn = run, cnn
        self.own_loss, self.generator_loss = GAN_LOSSES[loss]
        self.trained = [p for p in discriminator.parameters() if p.requires_grad]
        optimizer = run.optimizer([{"params": self.trained, "lr": learning_rate}], (0.0, 0.99))
        self.discriminator, self.optimizer, self.schedule = run.prepare(
            discriminator, optimizer, run.schedule(optimizer)
        )

    def judge(self, images: Tensor) -> list[Tensor]:
        """The CNN's maps of pictures in −1…1 [B, 3, H, W], augmented."""
        return self.cnn.features(normalize_signed(differentiable_augment(images)))

    def learn(
        self, real: list[Tensor], fake: list[Tensor], words: Tensor, foreign: Tensor, asked: Tensor
    ) -> dict[str, Tensor]:
        """One step: maps of real pictures beside their `words` and `foreign` ones, and of made ones beside what was
        `asked` for, [B, S] each. Returns what to log."""
        with self.run.accelerator.autocast():
            real_logits, mismatched_logits = self.discriminator(real, words, foreign)
            (fake_logits,) = self.discriminator([x.detach() for x in fake], asked)
            loss = self.own_loss(real_logits, fake_logits, mismatched_logits)
        self.run.descend(loss, self.optimizer, self.schedule)
        return {"loss_d": loss, "real": real_logits.mean(), "fake": fake_logits.mean()}

    def generator_loss_of(self, fake: list[Tensor], asked: Tensor) -> Tensor:
        """The generator's loss for maps of its pictures, whose gradient leaves the discriminator as it is."""
        for p in self.trained:
            p.requires_grad_(False)
        with self.run.accelerator.autocast():
            (logits,) = self.discriminator(fake, asked)
        for p in self.trained:
            p.requires_grad_(True)
        return self.generator_loss(logits)

    def save(self, folder: Path) -> None:
        """Write the discriminator in half precision."""
        module = self.run.accelerator.unwrap_model(self.discriminator, keep_torch_compile=False)
        half = {key: (x.half() if x.is_floating_point() else x).contiguous() for key, x in module.state_dict().items()}
        save_file(half, folder / DISCRIMINATOR, metadata={"format": "pt"})


def foreign_captions(
    captions: CaptionVectors, records: list[Record], rows: list[int], recoloured_share: float, encoder: PromptEncoder
) -> Tensor:
    """A caption of another picture for each of `rows`, or its own with a wrong colour where that can be: [B, S]."""
    foreign = captions.draw(captions.others(rows))
    hard = [k for k in range(len(rows)) if random.random() < recoloured_share]
    of, wrong = recoloured([records[rows[k]] for k in hard], encoder)
    foreign[[hard[k] for k in of]] = wrong
    return foreign
