"""The frozen values that cross the border between the pipelines and whatever shows or stores them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image


def public_name(name: str) -> str:
    """A model's name as others may see it: of a folder only its own name, not where it lies on this computer."""
    return Path(name).resolve().name if Path(name).is_dir() else name


def short_name(name: str) -> str:
    """What a model is called: without its owner or folder, and without its revision."""
    return Path(name.partition("@")[0]).name


@dataclass(frozen=True)
class TextToImageOutput:
    """Pictures made from one prompt. `images[k]` is decided by `seeds[k]`, whatever the size of the batch."""

    images: list[Image.Image]
    seeds: list[int]
    model: str
    seconds: float
    peak_bytes: int = 0  # of memory, while the pictures were made: the GPU's where there is one, else this process's
    model_hash: str = ""  # of our own models' weights
    settings: dict = field(default_factory=dict)  # of the call; `unknown_words` of the prompt, `withheld` seeds
    follows_words: bool = True  # False: the prompt did not reach the model


@dataclass(frozen=True)
class CaptionOutput:
    """Captions of one picture, the most probable first.

    `tokens[c]` are the words (English) or characters (Chinese) of caption c, `probabilities[c]` the model's
    probability of each, and `attention[c]` where it looked: float32 [num_tokens, grid, grid], each map sums to 1.
    """

    captions: list[str]
    tokens: list[list[str]]
    probabilities: list[list[float]]
    attention: list[np.ndarray]
    model: str
    language: str
    seconds: float


@dataclass(frozen=True)
class Concept:
    """An object, attribute or action with the probability that a picture shows it, and where: `heat` is float32
    [grid, grid] of any scale.

    Held-out pictures have set two levels: from `threshold` on it counts as recognised, and under `doubt` words that
    claim it are to be doubted (19 of 20 pictures that show it get more).
    """

    group: str
    en: str
    zh: str
    probability: float
    heat: np.ndarray
    threshold: float = 0.5
    doubt: float = 0.0

    @property
    def recognised(self) -> bool:
        return self.probability >= self.threshold


@dataclass(frozen=True)
class Recognition:
    """What one picture shows, each list the most probable first; `imagenet` are the published classifier's objects."""

    objects: list[Concept]
    attributes: list[Concept]
    actions: list[Concept]
    imagenet: list[Concept]
    seconds: float

    @property
    def concepts(self) -> list[Concept]:
        return self.objects + self.attributes + self.actions


@dataclass(frozen=True)
class Judgement:
    """The probability that a picture matches its prompt; of the objects, attributes and actions that the prompt names,
    those that are recognised in it and those that are not."""

    match: float
    found: list[Concept]
    missed: list[Concept]
