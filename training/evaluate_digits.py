"""Figures of the first lesson: how many of its digits can be read, how varied they are, how near to real ones, and
whether they are more than copies. A small convolutional reader that knows only the training digits is the judge.

N pictures, F features.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.images import to_uint8
from pipelines.text_to_image.mlp_gan import IMAGE_SIZE
from pipelines.text_to_image.pipeline import MAX_IMAGES, load_text_to_image
from training.data import load
from training.generation_metrics import frechet_distance, precision_and_recall
from training.intervals import mean_interval
from training.train_mlp_gan import grey

NUM_PICTURES = 2000
SURE = 0.9
EPOCHS, BATCH, SHIFT = 12, 64, 2


@dataclass(frozen=True)
class Digits:
    """Pictures [N, 784] in [0, 1] and which digit each is."""

    images: Tensor
    labels: Tensor


def read_digits(sources: list[str], split: str) -> Digits:
    data = load(sources, split, IMAGE_SIZE, crop=True)
    return Digits(grey(data.pixels), torch.tensor([record.facts["label"] for record in data.records]))


class Reader(nn.Module):
    """Pictures [N, 784] → 32 features and the logits of the ten digits."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Unflatten(1, (1, IMAGE_SIZE, IMAGE_SIZE)),                        # (N, 1, 28, 28)
            nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1),      # (N, 16, 7, 7)
            nn.ReLU(), nn.Flatten(), nn.Linear(16 * 7 * 7, 32), nn.ReLU(),       # (N, 32)
        )  # fmt: skip
        self.digit = nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.digit(self.features(images))                                 # (N, 10)


def train_reader(digits: Digits, seed: int) -> Reader:
    """A reader of digits, each moved by up to two pixels anew in every epoch."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = Reader()
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=1e-2)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(digits.images), generator=generator).split(BATCH):
            shift = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=generator).tolist()
            moved = digits.images[rows].unflatten(1, (IMAGE_SIZE, -1)).roll(shift, (1, 2)).flatten(1)
            loss = F.cross_entropy(reader(moved), digits.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return reader.eval()


@torch.no_grad()
def digit_figures(made: Tensor, reader: Reader, train: Digits, held_out: Digits) -> dict:
    """The figures of made pictures [N, 784], each beside that of real held-out digits."""
    sure, real_sure = (reader(x).softmax(1).max(1).values > SURE for x in (made, held_out.images))
    features, train_features, held_out_features = (reader.features(x) for x in (made, train.images, held_out.images))
    shares = reader(made).argmax(1).bincount(minlength=10) / len(made)
    precision, recall = precision_and_recall(features, train_features)
    real_precision, real_recall = precision_and_recall(held_out_features, train_features)
    real = "real held-out pictures"
    return {
        "readable": {
            "model": sure.float().mean().item(),
            "interval": mean_interval(sure.tolist()),
            real: real_sure.float().mean().item(),
            "surer than": SURE,
        },
        "classes": {
            "model": torch.special.entr(shares).sum().item() / math.log(10),
            real: torch.special.entr(held_out.labels.bincount(minlength=10) / len(held_out.labels)).sum().item()
            / math.log(10),
            "shares": shares.tolist(),
        },
        "frechet_distance": {
            "model": frechet_distance(features, held_out_features),
            "real training pictures": frechet_distance(train_features, held_out_features),
        },
        "precision": {"model": precision, real: real_precision},
        "recall": {"model": recall, real: real_recall},
        "nearest_training_picture": {
            "model": nearest(made, train.images),
            real: nearest(held_out.images, train.images),
        },
    }


def nearest(images: Tensor, others: Tensor) -> float:
    """The median over pictures of the distance to the nearest other one: the root of the mean squared difference of
    pixels in [0, 1]. Copies have 0."""
    return (torch.cdist(images, others).min(1).values / images.shape[1] ** 0.5).median().item()


def evaluate_digits(model: str, sources: list[str], split: str, seed: int, num_pictures: int = NUM_PICTURES) -> dict:
    """The figures of a shipped model, with how many pictures they rest on and how well the reader reads real digits."""
    train, held_out = read_digits(sources, "train"), read_digits(sources, split)
    reader = train_reader(train, seed)
    pipeline = load_text_to_image(model)
    images, seconds = [], 0.0
    for first in range(0, num_pictures, MAX_IMAGES):
        output = pipeline("", num_images=min(MAX_IMAGES, num_pictures - first), seed=seed + first)
        images, seconds = images + output.images, seconds + output.seconds
    made = grey(to_uint8(images, IMAGE_SIZE, crop=True))
    right = (reader(held_out.images).argmax(1) == held_out.labels).float().mean().item()
    return digit_figures(made, reader, train, held_out) | {
        "seconds_a_picture": {"model": seconds / num_pictures},
        "reader": {"accuracy on real held-out pictures": right},
        "numbers": {"generated": num_pictures, "training": len(train.images), "held_out": len(held_out.images)},
    }
