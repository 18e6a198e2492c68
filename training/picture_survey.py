"""What a captioned folder holds, measured: splits, sizes, broken files, duplicates, leakage between splits, colours and
classes of the pictures. What its captions hold is in `caption_survey`."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from pipelines.errors import InputError
from pipelines.images import open_image
from training.caption_survey import CaptionSurvey, survey_captions
from training.data import Record, fact
from training.duplicates import MAX_BITS, Fingerprint, fingerprint, near_groups

HUES = ("red", "orange", "yellow", "lime", "green", "mint", "cyan", "sky", "blue", "violet", "magenta", "rose")
GREY = 0.08  # mean chroma, of 1, under which a picture has no hue of its own
CLASS_FACTS = ("label", "species", "domain")


@dataclass(frozen=True)
class Look:
    """What is kept of a picture after it was read; `pixels` stands for all of them."""

    width: int
    height: int
    print: Fingerprint
    pixels: int
    hue: str


@dataclass(frozen=True)
class Survey:
    """Figures of a folder; pictures are named, and groups are lists of names.

    `exact` pictures are the same pixel for pixel, `near` ones nearly, `leaks` are those of both in several splits.
    """

    num_pictures: int
    splits: dict[str, int]
    sizes: dict[str, int]
    shortest_side: int
    unreadable: dict[str, str]
    exact: list[list[str]]
    near: list[list[str]]
    leaks: list[list[str]]
    hues: dict[str, int]
    class_fact: str
    classes: dict[str, int]
    captions: CaptionSurvey


def survey(records: list[Record], max_bits: int = MAX_BITS) -> tuple[Survey, list[Record]]:
    """The figures of `records`, and those of them whose pictures can be read. Raises InputError where none can."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = list(tqdm(pool.map(look, records), total=len(records), unit=" pictures", disable=None))
    unreadable = {r.name: str(s) for r, s in zip(records, seen, strict=True) if isinstance(s, InputError)}
    kept = [(r, s) for r, s in zip(records, seen, strict=True) if isinstance(s, Look)]
    if not kept:
        raise InputError("data_empty", name=records[0].domain if records else "?")
    readable, looks = [r for r, _ in kept], [s for _, s in kept]

    exact = grouped(look.pixels for look in looks)
    together = [g for g in near_groups([look.print for look in looks], max_bits) if len(g) > 1]
    near = [g for g in together if len({looks[k].pixels for k in g}) > 1]
    leaks = [g for g in together if len({readable[k].split for k in g}) > 1]
    class_fact = next((f for f in CLASS_FACTS if any(fact(r, f) for r in readable)), "")
    classes = Counter(fact(r, class_fact) or "–" for r in readable if class_fact)
    sizes = Counter(f"{look.width} × {look.height}" for look in looks)
    hues = Counter(look.hue for look in looks)

    def named(groups: list[list[int]]) -> list[list[str]]:
        return [[readable[k].name for k in group] for group in groups]

    figures = Survey(
        num_pictures=len(readable), splits=dict(Counter(r.split for r in readable)), sizes=dict(sizes.most_common()),
        shortest_side=min(min(look.width, look.height) for look in looks), unreadable=unreadable,
        exact=named(exact), near=named(near), leaks=named(leaks), hues={h: hues[h] for h in (*HUES, "grey") if hues[h]},
        class_fact=class_fact, classes=dict(classes.most_common()), captions=survey_captions(readable),
    )  # fmt: skip
    return figures, readable


def look(record: Record) -> Look | InputError:
    try:
        image = open_image(record.image, record.name)
    except InputError as error:
        return error
    return Look(*image.size, fingerprint(image), hash((image.size, image.tobytes())), main_hue(image))


def main_hue(image: Image.Image) -> str:
    """The mean hue of a picture, its chromas as weights, as one of twelve names; "grey" where it has hardly any."""
    small = np.asarray(image.resize((16, 16), Image.Resampling.BOX), dtype=np.float64) / 255   # (16, 16, 3)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    # opposite colours cancel, so that a picture of all colours counts as grey
    x, y = (red - (green + blue) / 2).mean(), (np.sqrt(0.75) * (green - blue)).mean()
    if np.hypot(x, y) < GREY:
        return "grey"
    return HUES[round(np.degrees(np.arctan2(y, x)) / 30) % 12]


def grouped(keys: Iterable[object]) -> list[list[int]]:
    """The places of keys that occur more than once."""
    places = defaultdict(list)
    for k, key in enumerate(keys):
        places[key].append(k)
    return [group for group in places.values() if len(group) > 1]
