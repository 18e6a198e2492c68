"""The recognizer's vocabulary: which words of captions name an object, an attribute or an action, and what of it can be
learnt from given captions.

P pictures, C concepts.
"""

import csv
from collections import Counter
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from pipelines.image_captioning.tokenizer import words
from training.data import Record

TABLE = Path(__file__).with_name("concepts.tsv")


def mine(records: list[Record], min_count: int, min_count_in_set: int) -> list[dict]:
    """The concepts that at least `min_count` pictures' captions name: group, en, zh, words, domains.

    `domains` are the data sets that judge it. An object that nobody names counts as absent, save where the table says
    that its words mean something else (`not_in`: a line runs along a bird's head). Attributes and actions are left out
    of captions too often: only a set that names one in `min_count_in_set` pictures judges it, save what the table keeps
    to some sets (`only_in`: the shapes of flowers), which the others' pictures do not have.
    """
    concepts = []
    with open(TABLE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            concept = {name: row[name] for name in ("group", "en", "zh")}
            concept |= {name: sorted(row[name].split()) for name in ("words", "not_in", "only_in")}
            named = Counter(r.domain for r in records if names(r, concept))
            if named.total() >= min_count:
                domains = judges(records, concept, named, min(min_count, min_count_in_set))
                concepts.append({**concept, "domains": domains})
    return concepts


def taken_on(records: list[Record], concepts: list[dict], min_count: int, min_count_in_set: int) -> list[dict]:
    """A checkpoint's concepts, each judged by the data sets of `records` too, as `mine` says."""
    known = []
    for concept in concepts:
        named = Counter(r.domain for r in records if names(r, concept))
        domains = judges(records, concept, named, min(min_count, min_count_in_set))
        known.append({**concept, "domains": sorted({*concept["domains"], *domains})})
    return known


def judges(records: list[Record], concept: dict, named: Counter[str], least: int) -> list[str]:
    """The data sets of `records` that judge a concept, which `named` counts their pictures of: see `mine`."""
    everywhere = concept["group"] == "object" or concept["only_in"]
    domains = sorted({r.domain for r in records} - set(concept["not_in"]))
    return [d for d in domains if everywhere or named[d] >= least]


def names(record: Record, concept: dict) -> bool:
    """Whether a picture's captions name a concept, in a data set where its words mean it."""
    if record.domain in concept["not_in"] or (concept["only_in"] and record.domain not in concept["only_in"]):
        return False
    return not spoken_words(record.captions).isdisjoint(concept["words"])


@cache
def spoken_words(captions: tuple[str, ...]) -> frozenset[str]:
    return frozenset(w for caption in captions for w in words(caption))


def labels(records: list[Record], concepts: list[dict]) -> tuple[Tensor, Tensor]:
    """Whether a picture's captions name each concept, and whether its data set judges that: float32 and bool [P, C]."""
    named = torch.tensor([[float(names(r, c)) for c in concepts] for r in records])
    judged = torch.tensor([[r.domain in c["domains"] for c in concepts] for r in records])
    return named, judged
