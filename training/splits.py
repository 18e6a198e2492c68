"""Which pictures are trained on, validated on and tested on: a picture's look decides, so near duplicates stay together
and a picture keeps its split when others are added."""

import hashlib
from dataclasses import dataclass

from training.data import SPLITS
from training.duplicates import Fingerprint, near_groups


@dataclass(frozen=True)
class Splits:
    """`names[k]` is the split of picture k; `straddling` groups of near duplicates lie in several, as they were told
    to."""

    names: list[str]
    straddling: int


def assign(prints: list[Fingerprint], told: list[str], validation: float, test: float, max_bits: int) -> Splits:
    """A split for each picture; those `told` one keep it, and their near duplicates without one follow."""
    names, straddling = list(told), 0
    for group in near_groups(prints, max_bits):
        given = {told[k] for k in group} & set(SPLITS)
        # a copy of a test picture must not be trained on, so the test split calls first
        split = max(given, key=SPLITS.index) if given else drawn(min(spelt(prints[k]) for k in group), validation, test)
        for k in group:
            names[k] = told[k] or split
        straddling += len({names[k] for k in group}) > 1
    return Splits(names, straddling)


def spelt(one: Fingerprint) -> bytes:
    return one.bits.to_bytes(8) + one.colours


def drawn(key: bytes, validation: float, test: float) -> str:
    """The split that `key` falls into: shares `test` and `validation` of all keys, the others are trained on."""
    place = int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64
    return "test" if place < test else "validation" if place < test + validation else "train"
