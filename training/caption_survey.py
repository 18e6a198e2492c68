"""What the captions of a data set hold, measured: languages, lengths, vocabulary, colours, and what splits share."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass

from pipelines.languages import HAN
from training.bilingual_text import glossary
from training.data import Record, is_predicted

WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
# they head every list and say nothing of a data set
COMMON = {"a", "an", "the", "of", "in", "on", "with", "and", "is", "are", "this", "that", "it", "its", "to", "at"}


@dataclass(frozen=True)
class CaptionSurvey:
    """`lengths` counts captions by their number of English words or Chinese characters; `words` pictures by word, the
    most frequent first; `shared` are captions of a training picture that a held-out one has too."""

    num_english: int
    num_chinese: int
    without_english: int
    without_chinese: int
    without_any: int
    predicted: int
    distinct: int
    lengths: dict[str, dict[int, int]]
    words: dict[str, int]
    characters: dict[str, int]
    singletons: list[str]
    colours: dict[str, int]
    shared: list[str]
    held_out: int


def survey_captions(records: list[Record]) -> CaptionSurvey:
    words, characters, uses, colours = Counter(), Counter(), Counter(), Counter()
    lengths = {"en": Counter(), "zh": Counter()}
    splits = defaultdict(set)
    english, chinese = colour_words()
    chinese_colour = re.compile("|".join(sorted(chinese, key=len, reverse=True)))  # 粉红色 is no 红色
    for record in records:
        for caption in (*record.captions, *record.captions_zh):
            splits[caption.strip(" .。").lower()].add("train" if record.split == "train" else "held out")
        found = [WORD.findall(caption.lower()) for caption in record.captions]
        lengths["en"].update(len(caption) for caption in found)
        lengths["zh"].update(len(HAN.findall(caption)) for caption in record.captions_zh)
        uses.update(word for caption in found for word in caption)
        words.update({word for caption in found for word in caption} - COMMON)
        characters.update(set(HAN.findall("".join(record.captions_zh))))
        named = {english[word] for caption in found for word in caption if word in english}
        colours.update(named | {chinese[word] for c in record.captions_zh for word in chinese_colour.findall(c)})
    held_out = sum("held out" in where for where in splits.values())
    return CaptionSurvey(
        num_english=lengths["en"].total(), num_chinese=lengths["zh"].total(),
        without_english=sum(not r.captions for r in records),
        without_chinese=sum(not r.captions_zh for r in records),
        without_any=sum(not r.captions and not r.captions_zh for r in records),
        predicted=sum(is_predicted(r, "caption_source") or is_predicted(r, "caption_zh_source") for r in records),
        distinct=len(splits), lengths={language: dict(sorted(n.items())) for language, n in lengths.items()},
        words=dict(words.most_common()), characters=dict(characters.most_common()),
        singletons=sorted(word for word, n in uses.items() if n == 1),
        colours=dict(colours.most_common()),
        shared=sorted(caption for caption, where in splits.items() if len(where) > 1), held_out=held_out,
    )  # fmt: skip


def colour_words() -> tuple[dict[str, str], dict[str, str]]:
    """The English and the Chinese words of plain colours, each with the English name that stands for both."""
    pairs = [(en, zh) for en, zh in glossary()["colour"] if " " not in en and zh.endswith("色")]
    return {en: en for en, _ in pairs} | {"grey": "gray"}, {zh: en for en, zh in pairs}
