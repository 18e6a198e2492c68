"""Captions of held-out pictures against their references; and, as a task of its own, the two peers that every captioner
has to beat: the caption of the nearest training picture, and the most frequent training caption.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from pipelines import checkpoint
from pipelines.distributed import dealt_out
from pipelines.image_captioning.own import OwnCaptioner
from pipelines.image_captioning.tokenizer import LANGUAGES
from pipelines.image_encoder import ImageEncoder, from_imagenet
from training.caption_metrics import caption_scores
from training.data import CaptionedImages, Record
from training.features import grid_features, load_some
from training.train_captioner import caption_all, references

NUM_BEAMS = 3
NUM_EXAMPLES = 8


def evaluate_captions(model: str, sources: list[str], split: str, seed: int, num_beams: int = NUM_BEAMS) -> dict:
    """The scores of a captioner for every data set and language. Nothing is drawn at random: `seed` is unused."""
    captioner = OwnCaptioner(checkpoint.WEIGHTS / model)
    figures = {}
    for source in sources:
        held_out = load_some([source], split)
        for name, language, kept, refs in tasks(held_out):
            captions = dealt_out(partial(captioned, captioner, held_out, language, num_beams), kept)
            shown = [" ".join(c) for c in captions[:: max(1, len(captions) // NUM_EXAMPLES)][:NUM_EXAMPLES]]
            figures[name] = caption_scores(captions, refs) | {"num_beams": num_beams, "examples": shown}
    return figures


def captioned(
    captioner: OwnCaptioner, data: CaptionedImages, language: str, num_beams: int, rows: list[int]
) -> list[list[str]]:
    """The most probable caption of each of `rows`, as tokens."""
    if not rows:
        return []
    features = grid_features(captioner.model.image_encoder, data.pixels[rows])
    return caption_all(captioner.model, captioner.tokenizer, features, language, num_beams)


def evaluate_peers(model: str, sources: list[str], split: str, seed: int) -> dict:
    """The scores of the peers, neighbours being found by ImageNet features: `model` and `seed` are unused."""
    encoder = from_imagenet()
    figures = {}
    for source in sources:
        held_out, train = load_some([source], split), load_some([source], "train")
        nearest = nearest_pictures(*(mean_cell(encoder, data) for data in (held_out, train)))
        for name, language, kept, refs in tasks(held_out):
            neighbours = [first_caption(train.records, nearest[k], language) for k in kept]
            frequent = [most_frequent(train.records, language)] * len(kept)
            figures[name] = {
                "nearest training picture": caption_scores(neighbours, refs),
                "most frequent caption": caption_scores(frequent, refs),
            }
    return figures


def tasks(held_out: CaptionedImages) -> Iterator[tuple[str, str, list[int], list[list[list[str]]]]]:
    """(name, language, rows that have references, those references) for each language of a data set."""
    for language in LANGUAGES:
        refs = {k: r for k, record in enumerate(held_out.records) if (r := references(record, language))}
        if refs:
            yield f"{held_out.records[0].domain} {language}", language, list(refs), list(refs.values())


def mean_cell(encoder: ImageEncoder, data: CaptionedImages) -> Tensor:
    return F.normalize(grid_features(encoder, data.pixels).float().mean(1), dim=1)


def nearest_pictures(held_out: Tensor, train: Tensor) -> Tensor:
    """For each held-out vector [M, 1280] the training pictures by falling cosine: [M, 50] or fewer."""
    return (held_out @ train.T).topk(min(50, len(train)), dim=1).indices


def first_caption(records: list[Record], neighbours: Tensor, language: str) -> list[str]:
    """The first caption of the nearest picture that has one in this language."""
    return next(refs[0] for k in neighbours.tolist() if (refs := references(records[k], language)))


def most_frequent(records: list[Record], language: str) -> list[str]:
    counts = Counter(tuple(c) for r in records for c in references(r, language))
    return list(counts.most_common(1)[0][0])
