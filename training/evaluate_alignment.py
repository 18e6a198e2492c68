"""The aligner on held-out pictures: retrieval per data set beside a bag-of-words regression, captions made wrong by one
word, and how far its probabilities are to be believed.

P pictures, M captions, V words.
"""

import random
from collections import Counter

import torch
from torch import Tensor

from pipelines import checkpoint
from pipelines.alignment import AlignmentPipeline
from pipelines.image_captioning.tokenizer import words
from pipelines.image_encoder import load_image_encoder
from pipelines.text_encoder import load_prompt_encoder
from training.data import Record
from training.features import grid_features, load_some
from training.hard_negatives import swapped
from training.intervals import mean_interval
from training.train_alignment import KINDS, captions_of, embed, judge, judged_pairs

RANKS = (1, 5, 10)
NUM_BINS = 10
RIDGE = 300.0
MIN_COUNT = 5
PEER_PICTURES = 2500  # of each data set, that the bag of words learns from


def evaluate_alignment(model: str, sources: list[str], split: str, seed: int) -> dict:
    """Retrieval for every data set; hard negatives and calibration over all of them."""
    aligner, encoder = AlignmentPipeline(checkpoint.WEIGHTS / model).aligner, load_prompt_encoder()
    figures, records, rows = {}, [], []
    for source in sources:
        train, held_out = (load_some([source], s, limit) for s, limit in (("train", PEER_PICTURES), (split, 0)))
        features, train_features = (grid_features(load_image_encoder(), d.pixels) for d in (held_out, train))
        texts = [record.captions[0] for record in held_out.records]
        pictures, vectors = embed(aligner, encoder, features, texts)
        peer = bag_of_words(train_features.float().mean(1), train.records, features.float().mean(1), texts)
        figures[held_out.records[0].domain] = {
            "aligner": retrieval(pictures @ vectors.T, held_out.records, texts),
            "bag of words": retrieval(peer, held_out.records, texts),
            "num_pictures": len(texts),
        }
        records += held_out.records
        rows.append(features)
    features = torch.cat(rows)
    figures["one word wrong"] = {
        kind: one_word_wrong(aligner, encoder, features, records, kind, seed) for kind in KINDS
    }
    flowers = [k for k, r in enumerate(records) if r.domain == "flowers"]
    if flowers:
        some = [records[k] for k in flowers]
        figures["one word wrong"]["colour, flowers"] = one_word_wrong(
            aligner, encoder, features[flowers], some, "colour", seed
        )
    logits, labels = judge(aligner, encoder, features, judged_pairs(records, seed))
    figures["calibration"] = calibration(aligner.probabilities(logits), labels)
    return figures


def retrieval(scores: Tensor, records: list[Record], texts: list[str]) -> dict[str, float]:
    """R@k both ways of scores [P, M], where text k is said of picture k. A text that is said of several pictures finds
    any of them."""
    true = torch.tensor([[text in said for text in texts] for said in map(captions_of, records)])        # (P, M)
    figures, intervals = {}, {}
    for name, s, t in (("picture to text", scores, true), ("text to picture", scores.T, true.T)):
        order = s.argsort(1, descending=True)
        hits = t.to(s.device).gather(1, order)
        for k in RANKS:
            found = hits[:, :k].any(1).float()
            figures[f"{name} R@{k}"] = found.mean().item()
            intervals[f"{name} R@{k}"] = mean_interval(found.tolist())
    return figures | {"intervals": intervals}


def bag_of_words(train: Tensor, records: list[Record], held_out: Tensor, texts: list[str]) -> Tensor:
    """The peer: ridge regression from pooled features to which words are said, and the cosine with a text's own words:
    features [P', F] and [P, F] → [P, M]."""
    counts = Counter(w for r in records for c in r.captions for w in set(words(c)))
    index = {w: k for k, w in enumerate(sorted(w for w, n in counts.items() if n >= MIN_COUNT))}

    def bags(captions_of_each: list[tuple[str, ...]]) -> Tensor:
        bag = torch.zeros(len(captions_of_each), len(index))
        for row, captions in zip(bag, captions_of_each, strict=True):
            for caption in captions:
                row[[index[w] for w in set(words(caption)) if w in index]] += 1 / len(captions)
        return bag

    said = bags([r.captions for r in records])
    mean, deviation, usual = train.mean(0), train.std(0) + 1e-6, said.mean(0)
    x = (train - mean) / deviation
    weight = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1]), x.T @ (said - usual))            # (F, V)
    guessed = ((held_out - mean) / deviation) @ weight
    rarity = 1 / (usual + 1e-3).sqrt()
    asked = (bags([(t,) for t in texts]) - usual) * rarity
    return torch.nn.functional.normalize(guessed * rarity, dim=1) @ torch.nn.functional.normalize(asked, dim=1).T


def one_word_wrong(aligner, encoder, features: Tensor, records: list[Record], kind: str, seed: int) -> dict:
    """How often a caption scores higher than itself with one colour, object or number changed."""
    rng = random.Random(seed)
    changed = []
    for k, record in enumerate(records):
        caption = rng.choice(record.captions)
        if wrong := swapped(caption, record, kind, rng):
            changed.append((k, caption, wrong))
    if not changed:
        return {"num_pairs": 0}
    kept = [k for k, _, _ in changed]
    texts = [text for _, right, wrong in changed for text in (right, wrong)]
    pictures, vectors = embed(aligner, encoder, features[kept], texts)
    scores = (pictures[:, None] * vectors.unflatten(0, (-1, 2))).sum(2)                                   # (P, 2)
    right = (scores[:, 0] > scores[:, 1]).float()
    return {"accuracy": right.mean().item(), "interval": mean_interval(right.tolist()), "num_pairs": len(changed)}


def calibration(probability: Tensor, labels: Tensor) -> dict:
    """The expected calibration error (Naeini et al. 2015): | how often right − how sure | averaged over ten bins of
    equal width, weighted by their sizes; and the curve: probability, labels [P]."""
    bins = (probability * NUM_BINS).long().clamp(max=NUM_BINS - 1)
    error, curve = 0.0, []
    for k in range(NUM_BINS):
        chosen = bins == k
        if chosen.any():
            sure, right, share = probability[chosen].mean(), labels[chosen].mean(), chosen.float().mean()
            error += (share * (sure - right).abs()).item()
            curve.append({"sure": sure.item(), "right": right.item(), "num_pairs": int(chosen.sum())})
    accuracy = ((probability > 0.5) == (labels > 0.5)).float().mean().item()
    return {"expected_calibration_error": error, "accuracy": accuracy, "num_pairs": len(labels), "curve": curve}
