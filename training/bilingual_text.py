"""The text that the bilingual encoder learns from: sentences, each with the English ones whose vectors it follows.

Captions, translation pairs, and phrases put together from a glossary in both languages, so that single words and
colours bind to things that no caption names.
"""

import csv
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipelines.errors import InputError
from training.data import Record, fact

GLOSSARY = Path(__file__).with_name("glossary.tsv")
TRANSLATIONS = "flickr8k_en_zh.jsonl"
MAX_PAIRS = 1000
Pair = tuple[str, list[str]]  # a sentence, and the English sentences whose mean vector it should have


@cache
def glossary() -> dict[str, list[tuple[str, str]]]:
    """(English, Chinese) words by kind: colour, thing, part, quality, action, place."""
    words = defaultdict(list)
    with open(GLOSSARY, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            words[row["kind"]].append((row["en"], row["zh"]))
    return words


def caption_pairs(records: list[Record]) -> Iterator[Pair]:
    """English captions follow themselves; a Chinese one follows the English ones of its picture, or of its class, and
    is left out where there are none."""
    of_class = defaultdict(set)
    for r in records:
        of_class[r.domain, fact(r, "label")].update(r.captions)
    for r in records:
        for caption in r.captions:
            yield caption, [caption]
        label = fact(r, "label")
        by_class = label and "authored" in fact(r, "caption_zh_source")
        if twins := sorted(of_class[r.domain, label])[:40] if by_class else list(r.captions):
            for caption in r.captions_zh:
                yield caption, twins


def sentence_pairs(folder: Path, held_out: set[str]) -> Iterator[Pair]:
    """The text beside the pictures: translations, but for those of the pictures held out, and English sentences."""
    for row in translations(folder):
        if Path(row["id"]).stem not in held_out:
            for english, chinese in zip(row["en"], row["zh_machine"], strict=True):
                yield chinese, [english]
    for path in sorted(folder.glob("*_en.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield line, [line]


def translations(folder: Path) -> list[dict]:
    """The rows of the folder's file, each with `id`, `en` and `zh_machine`, sentence by sentence. Raises InputError
    where there is no such file."""
    path = folder / TRANSLATIONS
    if not path.is_file():
        raise InputError("no_translations", folder=folder, file=TRANSLATIONS)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def held_out_pairs(records: list[Record], folder: Path | None, split: str) -> list[tuple[str, str]]:
    """(English, Chinese) of pictures of a split, MAX_PAIRS at most: a translation where there is a folder of text,
    else two of the picture's captions; of those that have both. Raises InputError where the folder has none at all."""
    held_out = [r for r in records if r.split == split]
    if folder:
        names = {Path(r.name).stem for r in held_out}
        rows = [row for row in translations(folder) if Path(row["id"]).stem in names]
        pairs = [(row["en"][0], row["zh_machine"][0]) for row in rows]
    else:
        pairs = [(r.captions[0], r.captions_zh[0]) for r in held_out if r.captions and r.captions_zh]
    return pairs[:MAX_PAIRS]


def phrase_pairs(records: list[Record], num: int, seed: int) -> Iterator[Pair]:
    """`num` phrases from the glossary and the class names of `records`, each in English and in Chinese."""
    words, rng = dict(glossary()), random.Random(seed)
    names = {(fact(r, "label").lower(), fact(r, "label_zh")) for r in records}
    words["thing"] = words["thing"] + sorted(pair for pair in names if all(pair))
    for english, chinese in (pair for kind in words.values() for pair in kind):
        yield english, [english]
        yield chinese, [english]
    for _ in range(num):
        (c, cz), (c2, c2z) = rng.sample(words["colour"], 2)
        (t, tz), (p, pz), (q, qz) = (rng.choice(words[k]) for k in ("thing", "part", "quality"))
        (a, az), (w, wz) = rng.choice(words["action"]), rng.choice(words["place"])
        one = rng.choice(("一朵", "一只", "一个", "", "一张图片："))
        english, chinese = rng.choice((
            (f"a {c} {t}", f"{one}{cz}的{tz}"),
            (f"a {c} {t}", f"{one}{cz.removesuffix('色')}{tz}"),
            (f"a photo of a {t}", f"{one}{tz}"),
            (f"a photo of a {c} {t}", f"一张{cz}{tz}的照片"),
            (f"a {q} {t}", f"{one}{qz}{tz}"),
            (f"a {q} {c} {t}", f"{one}{qz}{cz}{tz}"),
            (f"a {c} {t} with {c2} {p}", f"{one}有{c2z}{pz}的{cz}{tz}"),
            (f"a {c} {t} with {c2} {p}", f"{cz}的{tz}，{pz}是{c2z}的"),
            (f"a {t} with {c} {p}", f"{one}{cz}{pz}的{tz}"),
            (f"this {t} has {c} {p} and a {c2} center", f"这{one[1:2]}{tz}有{cz}的{pz}和{c2z}的中心"),
            (f"a {t} {a}", f"{one}{tz}在{az}"),
            (f"a {t} {a} {w}", f"{one}{tz}{wz}{az}"),
            (f"a {c} {t} {a} {w}", f"{one}{cz}的{tz}{wz}{az}"),
            (f"a {c} {t} {w}", f"{one}{cz}的{tz}{wz}"),
            (f"a {t} {w}", f"{wz.removeprefix('在')}的{tz}"),
        ))  # fmt: skip
        yield english, [english]
        yield chinese, [english]


def vocabulary_pairs(words: list[str], seed: int) -> Iterator[Pair]:
    """Every word of the teacher's vocabulary, alone and beside a thing of the glossary."""
    things, rng = [t for t, _ in glossary()["thing"]], random.Random(seed)
    for word in words:
        yield word, [word]
        phrase = f"a {word} {rng.choice(things)}"
        yield phrase, [phrase]
