"""The recognizer's vocabulary: which words of captions name an object, an attribute or an action, and what of it can be
learnt from given captions.

P pictures, C concepts.
"""

import csv
from pathlib import Path

import torch
from torch import Tensor

from pipelines.image_captioning.tokenizer import words
from training.data import Record

TABLE = Path(__file__).with_name("concepts.tsv")


def mine(records: list[Record], min_count: int, min_count_in_set: int) -> list[dict]:
    """The concepts that at least `min_count` pictures' captions name: group, en, zh, words, domains.

    `domains` are the data sets that judge it. An object that nobody names counts as absent, save where the table says
    that its words mean something else ("a black cap" of a bird). Attributes and actions are left out of captions too
    often: only a set that names one in `min_count_in_set` pictures judges it.
    """
    domains = sorted({r.domain for r in records})
    spoken = [(r.domain, spoken_words(r)) for r in records]
    concepts = []
    with open(TABLE, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            forms = set(row["words"].split())
            named = [d for d, said in spoken if d not in row["not_in"].split() and said & forms]
            judging = [
                d for d in domains
                if d not in row["not_in"].split()
                and (row["group"] == "object" or named.count(d) >= min(min_count_in_set, min_count))
            ]  # fmt: skip
            if len(named) >= min_count:
                facts = {name: row[name] for name in ("group", "en", "zh")}
                concepts.append({**facts, "words": sorted(forms), "domains": judging})
    return concepts


def spoken_words(record: Record) -> set[str]:
    return {w for caption in record.captions for w in words(caption)}


def labels(records: list[Record], concepts: list[dict]) -> tuple[Tensor, Tensor]:
    """Whether a picture's captions name each concept, and whether its data set judges that: float32 and bool [P, C]."""
    forms = [set(c["words"]) for c in concepts]
    named = torch.tensor([[float(bool(said & f)) for f in forms] for said in map(spoken_words, records)])
    judged = torch.tensor([[r.domain in c["domains"] for c in concepts] for r in records])
    return named, judged
