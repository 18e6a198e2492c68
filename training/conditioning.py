"""What the generators are conditioned on: every caption's sentence vector, the captions of each picture, and foreign
captions for pictures. Shared by the GAN and the diffusion model.

B pictures, S sentence width.
"""

import random
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.text_encoder import PromptEncoder
from training.bilingual_text import glossary
from training.data import Record
from training.hard_negatives import swapped


def short_captions(record: Record) -> list[tuple[str, str]]:
    """"a yellow flower" and its Chinese, where most captions of a picture name one thing and one colour of it first."""
    words = glossary()
    things, colours = (
        {en: zh for en, zh in words[kind] if " " not in en} for kind in ("thing", "colour")
    )
    sentences = [caption.lower().replace(",", " ").replace(".", " ").split() for caption in record.captions]
    first_colour = Counter(next((w for w in s if w in colours), None) for s in sentences)
    named = Counter(w for s in sentences for w in set(s) if w in things)
    if not named or not first_colour:
        return []
    (thing, num_thing), (colour, num_colour) = named.most_common(1)[0], first_colour.most_common(1)[0]
    captions = [(f"a {thing}", f"一张{things[thing]}的照片")] if num_thing > len(sentences) / 2 else []
    if captions and colour and num_colour > 0.6 * len(sentences):
        captions.append((f"a {colour} {thing}", f"{colours[colour]}的{things[thing]}"))
    return captions


@dataclass(frozen=True)
class CaptionVectors:
    """Sentence vectors of all captions, float16 [num_captions, S], and for each picture the rows of its own:
    [full English, full Chinese, short ones in both languages]."""

    vectors: Tensor
    rows: list[tuple[list[int], list[int], list[int]]]
    domain: list[str]
    members: dict[str, list[int]]

    def draw(self, pictures: list[int]) -> Tensor:
        """One random caption of each picture: [B, S]. English half of the time, short ones a quarter."""
        chosen = []
        for k in pictures:
            english, chinese, short = self.rows[k]
            kind = random.choices((english, chinese, short), (0.5, 0.25 * bool(chinese), 0.25 * bool(short)))[0]
            chosen.append(random.choice(kind))
        return self.vectors[chosen].float()

    def others(self, pictures: list[int]) -> list[int]:
        """For each picture another one, if there is any, of the same domain three times out of four."""
        return [self.other(k) for k in pictures]

    def other(self, picture: int) -> int:
        everywhere = range(len(self.rows))
        while True:
            found = random.choice(self.members[self.domain[picture]] if random.random() < 0.75 else everywhere)
            if found != picture or len(everywhere) == 1:
                return found


def recoloured(records: list[Record], encoder: PromptEncoder) -> tuple[list[int], Tensor]:
    """Captions that name a wrong colour, and are right but for that: the positions of the records that have one,
    and its sentence vector, [len(positions), S]."""
    wrong = {}
    for k, record in enumerate(records):
        short = [caption for pair in short_captions(record) for caption in pair]
        caption = random.choice([*record.captions, *record.captions_zh, *short])
        if changed := swapped(caption, record, "colour", random):
            wrong[k] = changed
    if not wrong:
        return [], torch.empty(0, encoder.model.config.sentence_size)
    return list(wrong), encoder(list(wrong.values()))[2].float().cpu()


def encode_captions(records: list[Record], encoder: PromptEncoder, batch_size: int = 256) -> CaptionVectors:
    """Encode every distinct caption of `records` once."""
    row: dict[str, int] = {}

    def rows_of(captions) -> list[int]:
        return [row.setdefault(caption, len(row)) for caption in captions]

    rows = []
    for record in records:
        short = [caption for pair in short_captions(record) for caption in pair]
        rows.append((rows_of(record.captions), rows_of(record.captions_zh), rows_of(short)))
    captions = sorted(row, key=len)
    vectors = torch.empty(len(row), encoder.model.config.sentence_size, dtype=torch.float16)
    for first in range(0, len(captions), batch_size):
        batch = captions[first : first + batch_size]
        vectors[[row[c] for c in batch]] = encoder(batch)[2].half().cpu()
    members: dict[str, list[int]] = {}
    for k, record in enumerate(records):
        members.setdefault(record.domain, []).append(k)
    return CaptionVectors(vectors, rows, [r.domain for r in records], members)
