"""Captioned pictures: folders as `datasets`' imagefolder lays them out, or Hub dataset ids, held whole as uint8.

A folder has `metadata.jsonl` or `metadata.csv` with `file_name`, `text` or `captions`, and where known `captions_zh`,
`split`, `label`, `label_zh`, `caption_source`. A folder without metadata is pictures without captions.
"""

import csv
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from PIL import Image

from pipelines.batch import PICTURES
from pipelines.errors import InputError
from pipelines.images import open_image, to_uint8

SPLITS = ("train", "validation", "test")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One picture and what is known of it. `image` is a path, or the bytes of a Hub dataset's picture."""

    name: str
    domain: str
    image: Path | bytes
    captions: tuple[str, ...] = ()
    captions_zh: tuple[str, ...] = ()
    split: str = "train"
    facts: dict = field(default_factory=dict)


@dataclass(frozen=True)
class CaptionedImages:
    """Pictures in memory: `pixels` uint8 [N, 3, size, size] beside their N records; `skipped` could not be read."""

    pixels: torch.Tensor
    records: list[Record]
    skipped: list[str]

    def __len__(self) -> int:
        return len(self.records)


def read(source: str | Path) -> list[Record]:
    """The records of one captioned folder or Hub dataset id. Raises InputError where it is neither."""
    folder = Path(source)
    return list(read_folder(folder) if folder.is_dir() else read_hub(str(source)))


def read_folder(folder: Path) -> Iterator[Record]:
    jsonl, table = folder / "metadata.jsonl", folder / "metadata.csv"
    if jsonl.is_file():
        rows = [json.loads(line) for line in jsonl.read_text(encoding="utf-8").splitlines() if line.strip()]
    elif table.is_file():
        with open(table, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
        rows = [{"file_name": str(p.relative_to(folder))} for p in paths]
    if not rows:
        raise InputError("data_empty", name=folder)
    root = folder.resolve()
    for row in rows:
        path = folder / row["file_name"]
        if not path.resolve().is_relative_to(root):
            raise InputError("data_outside", name=row["file_name"])
        yield record(row, root.name, path)


def read_hub(name: str) -> Iterator[Record]:
    import datasets

    try:
        splits = datasets.load_dataset(name)
    except (ConnectionError, FileNotFoundError, OSError, ValueError) as error:
        raise InputError("data_unknown", name=name) from error
    for split, rows in splits.items():
        rows = rows.cast_column("image", datasets.Image(decode=False))
        for k, row in enumerate(rows):
            picture = row.pop("image")
            content = picture["bytes"] or Path(picture["path"]).read_bytes()
            yield record({"split": split, **row, "file_name": f"{split}-{k}"}, name, content)


def record(row: dict, domain: str, image: Path | bytes) -> Record:
    row = dict(row)
    captions, captions_zh = (as_captions(row.pop(key, None)) for key in ("captions", "captions_zh"))
    captions = captions or as_captions(row.pop("text", None))
    name, split = row.pop("file_name"), row.pop("split", None) or split_of(image)
    return Record(name, domain, image, captions, captions_zh, split, row)


def as_captions(value: str | Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(value, str):  # a CSV cell holds one caption, or several as a JSON list
        value = json.loads(value) if value.startswith("[") else [value]
    return tuple(c.strip() for c in value or () if c and c.strip())


def split_of(image: Path | bytes) -> str:
    """A split fixed by the picture's own bytes, so that exact duplicates never straddle two: 80, 10 and 10 per cent."""
    content = image if isinstance(image, bytes) else image.read_bytes() if image.is_file() else b""
    bucket = hashlib.sha256(content).digest()[0]
    return "test" if bucket < 26 else "validation" if bucket < 52 else "train"


def refold(records: list[Record], folds: int, fold: int) -> list[Record]:
    """The records in the splits of k-fold cross-validation: of `folds` parts of what is not test, part `fold` is
    validation and the rest is train. A picture's name decides its part. 0 folds: the records as they are."""
    if not folds:
        return records
    if not 0 <= fold < folds or folds < 2:
        raise InputError("folds_range", fold=fold, folds=folds)

    def split(record: Record) -> str:
        if record.split == "test":
            return "test"
        part = int.from_bytes(hashlib.sha256(record.name.encode()).digest()[:4]) % folds
        return "validation" if part == fold else "train"

    return [replace(record, split=split(record)) for record in records]


def load_pixels(records: list[Record], size: int, crop: bool) -> CaptionedImages:
    """Decode the records' pictures to `size`; broken ones are skipped and counted.

    With `crop` the largest centred square is kept, else the whole picture is squashed to a square.
    """

    def decode(record: Record) -> torch.Tensor | None:
        try:
            image: Image.Image = open_image(record.image, name=record.name)
        except InputError as error:
            log.warning("skipped: %s", error)
            return None
        return to_uint8([image], size, crop)[0]

    with ThreadPoolExecutor(2) as pool:
        decoded = list(pool.map(decode, records))
    kept = [(pixels, record) for pixels, record in zip(decoded, records, strict=True) if pixels is not None]
    skipped = [record.name for pixels, record in zip(decoded, records, strict=True) if pixels is None]
    if not kept:
        raise InputError("data_empty", name=records[0].domain if records else "?")
    return CaptionedImages(torch.stack([pixels for pixels, _ in kept]), [record for _, record in kept], skipped)


def load(
    sources: Iterable[str | Path], split: str, size: int, crop: bool = False, captioned: bool = True
) -> CaptionedImages:
    """All pictures of one split of several sources; with `captioned`, only those that have an English caption."""
    records = [r for source in sources for r in read(source) if r.split == split]
    return load_pixels([r for r in records if r.captions or not captioned], size, crop)
