"""The frozen values that cross the border between the pipelines and whatever shows or stores them."""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class TextToImageOutput:
    """Pictures made from one prompt. `images[k]` is decided by `seeds[k]`, whatever the size of the batch."""

    images: list[Image.Image]
    seeds: list[int]
    model: str
    seconds: float
    peak_bytes: int = 0  # of memory, while the pictures were made: the GPU's where there is one, else this process's
    settings: dict = field(default_factory=dict)  # of the call; `unknown_words` of the prompt, `withheld` seeds


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
