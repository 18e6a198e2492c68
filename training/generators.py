"""What the trainings of both generators share: which pictures, and at which size."""

from dataclasses import dataclass, field

from pipelines.errors import InputError
from training.config import TrainingConfig, option
from training.data import Record, at_most, read


@dataclass(frozen=True)
class GeneratorTrainingConfig(TrainingConfig):
    scenes: list[str] = field(default_factory=list, metadata={"help": "more folders, for pictures of `subject` only"})
    subject: str = option("dog", "a word that most captions of a picture of `scenes` must name")
    image_size: int = option(128, "pixels: 32, 64 or 128; 16 for the GAN alone")
    recoloured: float = option(0.5, "share of a discriminator's foreign captions that are the own with a wrong colour")
    sample_every: int = option(500, "steps between sample sheets and looks at how good the pictures are")
    num_validation: int = option(256, "pictures of held-out captions at such a look, see watch.py; 0: none")
    save_every: int = option(500, "steps between states")


def channels_for(image_size: int, channels: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
    """The entry of `channels`, by size, that pictures of `image_size` pixels need. Raises InputError where there is
    none."""
    if image_size not in channels:
        raise InputError("picture_size", value=image_size, known=", ".join(map(str, channels)))
    return channels[image_size]


def read_records(config: GeneratorTrainingConfig, split: str) -> list[Record]:
    """The captioned pictures of a split, and those of `scenes` whose captions mostly name the subject."""

    def names_subject(record: Record) -> bool:
        named = sum(config.subject in caption.lower().split() for caption in record.captions)
        return 2 * named > len(record.captions)

    records = [r for source in config.data for r in read(source)]
    records += [r for source in config.scenes for r in read(source) if names_subject(r)]
    limit = config.max_train_samples if split == "train" else 0
    return at_most([r for r in records if r.split == split and r.captions], limit)
