"""Captions made wrong by one word: another colour, another thing, another number. What a picture does not show."""

import random
import re
from functools import cache

from pipelines.languages import language_of
from training.bilingual_text import glossary
from training.data import Record

# only common colours: a rare one would betray the change without a look at the picture
COLOURS = {"red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown", "gray"}
NUMBERS = (
    ("one", "一"), ("two", "两"), ("three", "三"), ("four", "四"), ("five", "五"), ("six", "六")
)  # fmt: skip
# the same things under other names, so that one never stands in for the other as a mistake
KIN = (
    {"dog", "puppy", "labrador", "poodle", "beagle", "husky", "pug"}, {"cat", "kitten"}, {"man", "person", "people"},
    {"woman", "person", "people", "girl"}, {"boy", "child", "person", "people"}, {"girl", "child", "person", "people"},
    {"flower", "rose", "lily", "tulip", "daisy", "iris", "orchid", "lotus", "poppy", "sunflower", "carnation"},
    {"bird", "sparrow", "crow", "gull", "duck", "finch", "warbler", "cardinal", "woodpecker", "hummingbird"},
)  # fmt: skip


@cache
def words(kind: str) -> list[tuple[str, str]]:
    """(English, Chinese) single words of a kind: colour, object, number."""
    if kind == "number":
        return list(NUMBERS)
    if kind == "colour":
        return list({en: (en, zh) for en, zh in glossary()["colour"] if en in COLOURS}.values())
    return list({en: (en, zh) for en, zh in glossary()["thing"] if " " not in en}.values())


def swapped(caption: str, record: Record, kind: str, rng: random.Random) -> str | None:
    """`caption` with one word of `kind` replaced by one that no caption of the picture uses; None where it has none."""
    chinese = language_of(caption) == "zh"
    named = " ".join((*record.captions, *record.captions_zh)).lower()
    present, absent = [], []
    for pair in words(kind):
        word = pair[chinese]
        found = word in caption if chinese else re.search(rf"\b{word}\b", caption.lower())
        if found:
            present.append(pair)
        elif pair[0] not in named and pair[1].removesuffix("色") not in named:
            absent.append(pair)
    if not present:
        return None
    wrong = rng.choice(present)
    near = set().union(*(kin for kin in KIN if wrong[0] in kin))
    # 粉红色 holds 红色, 木槿花 holds 花: no mistakes either
    candidates = [(en, zh) for en, zh in absent if en not in near and wrong[1] not in zh]
    if not candidates:
        return None
    right = rng.choice(candidates)[chinese]
    if chinese:
        return caption.replace(wrong[1], right, 1)
    return re.sub(rf"\b{wrong[0]}\b", right, caption.lower(), count=1)
