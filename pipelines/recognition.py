"""What is in a picture: objects, attributes and actions, each with a probability and a place, learnt from captions
(Fang et al. 2015: a thing is seen where at least one cell shows it); and ImageNet's objects, seldom named in captions.

B pictures, N cells of the CNN's grid, G × G of them, C concepts, W width.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from PIL import Image
from torch import Tensor, nn

from pipelines import checkpoint, device
from pipelines.errors import InputError
from pipelines.image_captioning.tokenizer import words
from pipelines.image_encoder import GRID_CHANNELS, load_image_encoder, look
from pipelines.languages import language_of
from pipelines.outputs import Concept, Recognition

BATCH = 16
GROUPS = ("object", "attribute", "action")
BUILT_IN = "recognizer"
CONCEPTS = "concepts.json"
LABELS = "labels.json"
NUM_IMAGENET = 5


class Recognizer(ModelMixin, ConfigMixin):
    """Grids of pictures [B, N, 1280] → how strongly each cell shows each concept, [B, N, C]."""

    @register_to_config
    def __init__(self, num_concepts: int, width: int = 512, dropout: float = 0.2, image_encoder: str = ""):
        super().__init__()
        self.cell = nn.Linear(GRID_CHANNELS, width)
        self.context = nn.Linear(GRID_CHANNELS, width)  # what the rest of the picture shows
        self.drop = nn.Dropout(dropout)
        self.concepts = nn.Linear(width, num_concepts)
        nn.init.constant_(self.concepts.bias, -7.0)     # over 49 cells a probability of about 4% to begin with

    def forward(self, grid: Tensor) -> Tensor:
        hidden = self.cell(grid) + self.context(grid.mean(1, keepdim=True))             # (B, N, W)
        return self.concepts(self.drop(F.relu(hidden)))                              # (B, N, C)


def evidence(cells: Tensor) -> Tensor:
    """Noisy-or: −log ∏ (1 − σ(cell)) over the cells, [B, N, C] → [B, C]. The concept's probability is 1 − exp(−it)."""
    return F.softplus(cells.float()).sum(1)


def probabilities(cells: Tensor) -> Tensor:
    return -torch.expm1(-evidence(cells))


class RecognitionPipeline:
    """The recognizer with the CNN that it was trained on. See `__call__`."""

    def __init__(self, folder: Path):
        checkpoint.verify(folder, folder.name)
        encoder = checkpoint.WEIGHTS / "image-encoder"
        self.recognizer = Recognizer.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        self.recognizer.eval().to(device.device())
        if self.recognizer.config["image_encoder"] != checkpoint.weights_hash(encoder):
            raise InputError("weights_mismatch", name=folder.name, other="image-encoder")
        self.concepts = json.loads((folder / CONCEPTS).read_text(encoding="utf-8"))
        self.labels = json.loads((encoder / LABELS).read_text(encoding="utf-8"))

    @torch.inference_mode()
    def __call__(self, images: list[Image.Image]) -> list[Recognition]:
        """For each picture its objects, attributes and actions, and ImageNet's objects, the most probable first.

        Raises InputError for an empty list.
        """
        if not images or any(image is None for image in images):
            raise InputError("image_missing")
        started = time.perf_counter()
        with device.LOCK:
            found = [r for k in range(0, len(images), BATCH) for r in self._recognize(images[k : k + BATCH])]
        seconds = (time.perf_counter() - started) / len(images)
        return [Recognition(*groups, seconds=seconds) for groups in found]

    def _recognize(self, images: list[Image.Image]) -> list[tuple[list[Concept], ...]]:
        maps = look(images)
        grid = maps.flatten(2).transpose(1, 2)                                          # (B, N, 1280)
        with device.autocast():
            cells = self.recognizer(grid)                                               # (B, N, C)
            activation = load_image_encoder().classifier(grid).float()                  # (B, N, 1000)
        side = maps.shape[-1]
        shown = torch.sigmoid(cells.float()).unflatten(1, (side, side)).cpu().numpy()   # (B, G, G, C)
        seen = probabilities(cells).cpu().tolist()
        imagenet = activation.mean(1).softmax(1).cpu()
        places = activation.relu().unflatten(1, (side, side)).cpu().numpy()             # (B, G, G, 1000)
        rows = zip(seen, shown, imagenet, places, strict=True)
        return [(*self._groups(p, s), self._imagenet(i, a)) for p, s, i, a in rows]

    def _groups(self, probability: list[float], shown: np.ndarray) -> list[list[Concept]]:
        found = [
            Concept(c["group"], c["en"], c["zh"], p, shown[..., k], c["threshold"], c["doubt"])
            for k, (c, p) in enumerate(zip(self.concepts, probability, strict=True))
        ]
        return [sorted((c for c in found if c.group == g), key=lambda c: -c.probability) for g in GROUPS]

    def _imagenet(self, probability: Tensor, activation: np.ndarray) -> list[Concept]:
        best = probability.topk(min(NUM_IMAGENET, len(self.labels)))
        return [
            Concept("imagenet", *self.labels[k], p, activation[..., k])
            for p, k in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]

    def claims(self, tokens: list[str]) -> list[set[int]]:
        """Which concepts each word (English) or character (Chinese) names, as places in the list of concepts."""
        if language_of("".join(tokens)) == "en":
            return [{k for k, c in enumerate(self.concepts) if token.lower() in c["words"]} for token in tokens]
        claimed, k = [], 0
        while k < len(tokens):
            rest = "".join(tokens[k:])
            found = [(len(c["zh"]), j) for j, c in enumerate(self.concepts) if rest.startswith(c["zh"])]
            length, concept = max(found, default=(1, None))  # the longest name: 飞盘 is a frisbee, and flies nowhere
            claimed += [set() if concept is None else {concept}] * length
            k += length
        return claimed

    def named(self, text: str) -> set[str]:
        """The English names of the concepts that a text names, in English or Chinese."""
        return {self.concepts[k]["en"] for claimed in self.claims(words(text)) for k in claimed}

    def doubts(self, recognition: Recognition, tokens: list[str]) -> list[bool]:
        """For each word of a caption whether it names something that recognition finds no trace of."""
        doubted = {c.en for c in recognition.concepts if c.probability < c.doubt}
        return [any(self.concepts[k]["en"] in doubted for k in claimed) for claimed in self.claims(tokens)]


def load_recognizer(name: str = BUILT_IN) -> RecognitionPipeline:
    """The shipped recognizer, or one trained by the same code in the folder `name`.

    Raises InputError where it holds none, or where its weights are damaged or read another CNN's grid.
    """
    folder = checkpoint.WEIGHTS / name if name == BUILT_IN else Path(name)
    if name != BUILT_IN and not (folder / CONCEPTS).is_file():
        raise InputError("model_kind", name=name, task="recognition")
    return device.get(f"recognition/{name}", lambda: RecognitionPipeline(folder), device.size_on_disk(folder))
