"""The recognizer on held-out pictures, beside two peers: every concept at its base rate, and what the captions of the
nearest training pictures name.

P pictures, C concepts, F features.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines import checkpoint
from pipelines.image_encoder import load_image_encoder
from pipelines.recognition import GROUPS, load_recognizer
from training.concepts import labels
from training.features import grid_features, load_some
from training.recognition_metrics import best_thresholds, scores
from training.train_recognizer import recognise_all

NEIGHBOURS = 20


def evaluate_recognition(model: str, sources: list[str], split: str, seed: int) -> dict:
    """Precision, recall, F1, mAP and accuracy over all concepts, per group, and per data set; thresholds of the peers
    are set on validation, as the model's were."""
    pipeline = load_recognizer() if model == "recognizer" else load_recognizer(str(checkpoint.WEIGHTS / model))
    train, validation, held_out = (load_some(sources, s, 0) for s in ("train", "validation", split))
    known, *grids = (grid_features(load_image_encoder(), d.pixels).float() for d in (train, validation, held_out))
    named, judged = labels(train.records, pipeline.concepts)
    truths = [labels(d.records, pipeline.concepts) for d in (validation, held_out)]

    base = ((named * judged).sum(0) / judged.sum(0)).expand(len(held_out), -1)
    nearest = [neighbours(known.mean(1), g.mean(1), named) for g in grids]
    guesses = {
        "recognizer": (recognise_all(pipeline.recognizer, grids[1]),
                       torch.tensor([c["threshold"] for c in pipeline.concepts])),
        "nearest neighbours": (nearest[1], best_thresholds(nearest[0], *truths[0])),
        "base rate": (base, best_thresholds(base[:1].expand(len(validation), -1), *truths[0])),
    }  # fmt: skip
    figures = {"num_pictures": len(held_out)}
    for name, (probability, thresholds) in guesses.items():
        figures[name] = {"all": scores(probability, *truths[1], thresholds)}
        for group in GROUPS:
            of_group = torch.tensor([c["group"] == group for c in pipeline.concepts])
            chosen = (x[..., of_group] for x in (probability, *truths[1], thresholds))
            figures[name][group] = scores(*chosen)
    for domain in sorted({r.domain for r in held_out.records}):
        rows = torch.tensor([r.domain == domain for r in held_out.records])
        probability, thresholds = guesses["recognizer"]
        chosen = (x[rows] for x in (probability, *truths[1]))
        figures["recognizer"][domain] = {"num_pictures": int(rows.sum()), **scores(*chosen, thresholds)}
    return figures


def neighbours(known: Tensor, features: Tensor, named: Tensor) -> Tensor:
    """Of the `NEIGHBOURS` training pictures whose features are the nearest by cosine, the share that name each concept:
    [P', F], [P, F], [P', C] → [P, C]."""
    mean = known.mean(0)
    known, features = (F.normalize(x - mean, dim=1) for x in (known, features))
    return torch.stack([named[(known @ f).topk(min(NEIGHBOURS, len(known))).indices].mean(0) for f in features])
