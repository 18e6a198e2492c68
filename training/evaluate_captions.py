"""Captions of held-out pictures against their references, beside two peers that look at no picture or only at
neighbours: the most frequent training caption, and the caption of the nearest training picture.
"""

from collections import Counter

import torch.nn.functional as F
from torch import Tensor

from pipelines import checkpoint
from pipelines.image_captioning.own import OwnCaptioner
from pipelines.image_captioning.tokenizer import LANGUAGES
from training.caption_metrics import caption_scores
from training.data import Record, load
from training.train_captioner import IMAGE_SIZE, caption_all, grid_features, references

NUM_BEAMS = 3


def evaluate_captions(model: str, sources: list[str], split: str, seed: int) -> dict:
    """For every data set and language: the scores of the model and of both peers. Nothing is drawn: seed is unused."""
    captioner = OwnCaptioner(checkpoint.WEIGHTS / model)
    figures = {}
    for source in sources:
        held_out, train = load([source], split, IMAGE_SIZE), load([source], "train", IMAGE_SIZE)
        features = grid_features(captioner.model.image_encoder, held_out.pixels)
        nearest = nearest_pictures(features, grid_features(captioner.model.image_encoder, train.pixels))
        for language in LANGUAGES:
            kept = [k for k, r in enumerate(held_out.records) if references(r, language)]
            if not kept:
                continue
            refs = [references(held_out.records[k], language) for k in kept]
            captions = caption_all(captioner.model, captioner.tokenizer, features[kept], language, NUM_BEAMS)
            neighbours = [first_caption(train.records, nearest[k], language) for k in kept]
            figures[f"{held_out.records[0].domain} {language}"] = {
                model: caption_scores(captions, refs) | {"num_beams": NUM_BEAMS, "examples": examples(captions)},
                "nearest training picture": caption_scores(neighbours, refs),
                "most frequent caption": caption_scores([most_frequent(train.records, language)] * len(kept), refs),
            }
    return figures


def nearest_pictures(features: Tensor, train: Tensor) -> Tensor:
    """For each row of features [M, N, 1280] the training pictures by falling cosine of their mean cells: [M, 50]."""
    first, second = (F.normalize(x.float().mean(1), dim=1) for x in (features, train))
    return (first @ second.T).topk(min(50, len(second)), dim=1).indices


def first_caption(records: list[Record], neighbours: Tensor, language: str) -> list[str]:
    """The first caption of the nearest picture that has one in this language."""
    return next(refs[0] for k in neighbours.tolist() if (refs := references(records[k], language)))


def most_frequent(records: list[Record], language: str) -> list[str]:
    counts = Counter(tuple(c) for r in records for c in references(r, language))
    return list(counts.most_common(1)[0][0])


def examples(captions: list[list[str]]) -> list[str]:
    return [" ".join(c) for c in captions[:: max(1, len(captions) // 8)][:8]]
