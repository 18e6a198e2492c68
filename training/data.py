"""Captioned pictures: folders as `datasets`' imagefolder lays them out, or Hub dataset ids, held whole as uint8.

A folder has `metadata.jsonl` or `metadata.csv` with `file_name`, `text` or `captions`, and where known `captions_zh`,
`split`, `label`, `label_zh`, `caption_source`, `caption_zh_source`; or it has such folders, one a split. A picture
may have several rows. A folder without metadata is pictures without captions.
"""

import hashlib
import io
import json
import logging
import math
import random
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import torch
from PIL import Image

from pipelines.batch import PICTURES, PREDICTED
from pipelines.disk import said_when_full
from pipelines.errors import InputError
from pipelines.images import open_image, to_uint8
from training import metadata

DIGITS = "digits"  # the name of a data set, where no folder has it
SPLITS = ("train", "validation", "test")
SPLIT_NAMES = {**{s: s for s in SPLITS}, "training": "train", "val": "validation", "valid": "validation",
               "dev": "validation", "testing": "test"}  # fmt: skip
SOURCES = ("caption_source", "caption_zh_source")  # the facts that tell who wrote the captions, English and Chinese
MEMORY_SHARE = 0.5  # of the free memory, which decoded pictures may take
BLANK = bytes(1 << 24)
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

    def fingerprint(self) -> str:
        """The same for the same pictures with the same captions in the same order, wherever they are kept."""
        said = [(r.name, r.domain, r.captions, r.captions_zh) for r in self.records]
        seen = self.pixels[..., ::16, ::16].numpy().tobytes()
        return f"{len(self)} pictures, {hashlib.sha256(repr(said).encode() + seen).hexdigest()[:12]}"


def read(source: str | Path) -> list[Record]:
    """The records of one captioned folder, of `digits`, or of a Hub dataset id. Raises InputError where it is none."""
    folder, name = Path(source), str(source)
    found = read_folder(folder) if folder.is_dir() else read_digits() if name == DIGITS else read_hub(name)
    return [measured_by_people(r) for r in found]


def read_folder(folder: Path) -> list[Record]:
    def found(row: dict) -> Record:
        return record(row, folder.resolve().name, metadata.below(folder, row["file_name"]))

    if metadata.tables(folder):
        records = joined(map(found, rows_of(folder)))
    else:
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
        records = [found({"file_name": str(p.relative_to(folder))}) for p in paths]
    if not records:
        raise InputError("data_empty", name=folder)
    return records


def rows_of(folder: Path) -> list[dict]:
    """The rows of all metadata of `folder`, their names starting there. Where a folder in it has its own, its name is
    the split of rows that tell none, if it is the name of a split."""
    rows = []
    for path in metadata.tables(folder):
        place = path.parent.relative_to(folder)
        split = place.name if place.name.lower() in SPLIT_NAMES else ""
        for row in metadata.read_rows(path):
            name = (place / row["file_name"]).as_posix()
            rows.append({**row, "file_name": name, "split": row.get("split") or split})
    return rows


def joined(records: Iterable[Record]) -> list[Record]:
    """One record a picture, where a table has one a caption: in the order of the first ones, with the captions of
    all, each once. Where a row's captions are marked as predicted, the record's are: not all are people's."""
    pictures: dict[Path | bytes, Record] = {}
    for one in records:
        first = pictures.setdefault(one.image, one)
        if first is not one:
            marks = {source: one.facts[source] for source in SOURCES if is_predicted(one, source)}
            pictures[one.image] = replace(
                first, captions=tuple(dict.fromkeys(first.captions + one.captions)),
                captions_zh=tuple(dict.fromkeys(first.captions_zh + one.captions_zh)), facts={**first.facts, **marks},
            )  # fmt: skip
    return list(pictures.values())


def read_hub(name: str) -> Iterator[Record]:
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        splits = datasets.load_dataset(name)
    except (DatasetsError, OSError, RuntimeError, ValueError) as error:
        raise InputError("data_unknown", name=name) from error
    for split, rows in splits.items():
        if "image" not in rows.column_names:
            raise InputError("data_columns", name=name, known=", ".join(rows.column_names))
        rows = rows.cast_column("image", datasets.Image(decode=False))
        for k, row in enumerate(rows):
            picture = row.pop("image") or {"bytes": b""}  # an empty cell is a broken picture
            content = cached(picture["path"]) if picture["bytes"] is None else picture["bytes"]
            yield record({"split": split, **metadata.named({**row, "file_name": f"{split}-{k}"})}, name, content)


def cached(path: str | None) -> bytes:
    """The picture that `datasets` downloaded to `path`; nothing where a row names another file, or one that's gone."""
    import datasets
    from huggingface_hub import constants

    file = Path(path or "").resolve()
    caches = (datasets.config.HF_DATASETS_CACHE, datasets.config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
    ours = any(file.is_relative_to(Path(cache).resolve()) for cache in caches)
    return file.read_bytes() if ours and file.is_file() else b""


def read_digits() -> Iterator[Record]:
    """The 1,797 handwritten digits that come with scikit-learn, 8 × 8 pixels in 17 greys (Alpaydin and Kaynak, UCI
    Machine Learning Repository 1998, CC BY 4.0)."""
    from sklearn.datasets import load_digits

    found = load_digits()
    for k, (pixels, digit) in enumerate(zip(found.images, found.target.tolist(), strict=True)):
        buffer = io.BytesIO()
        Image.fromarray((pixels * (255 / 16)).round().astype("uint8")).save(buffer, "PNG")
        captions = {"text": f"a handwritten {digit}", "captions_zh": [f"手写的数字{digit}"]}
        yield record({"file_name": str(k), **captions, "label": digit}, DIGITS, buffer.getvalue())


def record(row: dict, domain: str, image: Path | bytes) -> Record:
    """The record of a row. Its split goes by our name for it, where it has one of the common names, and by the
    picture's content where it has none."""
    row = dict(row)
    captions, captions_zh = (as_captions(row.pop(key, None)) for key in ("captions", "captions_zh"))
    captions = captions or as_captions(row.pop("text", None))
    name = row.pop("file_name").encode(errors="replace").decode()  # a file's name may be no UTF-8, but GBK
    split = str(row.pop("split", None) or split_of(image))
    return Record(name, domain, image, captions, captions_zh, SPLIT_NAMES.get(split.lower(), split), row)


def measured_by_people(record: Record) -> Record:
    """`record` without the captions that a model predicted, unless it is trained on: no model is measured by another's
    words. `training.fill` marks them so."""
    if record.split == "train":
        return record
    captions, captions_zh = (
        () if is_predicted(record, source) else said
        for source, said in zip(SOURCES, (record.captions, record.captions_zh), strict=True)
    )
    return replace(record, captions=captions, captions_zh=captions_zh)


def is_predicted(record: Record, source: str) -> bool:
    return fact(record, source).startswith(PREDICTED)


def fact(record: Record, name: str) -> str:
    """A fact in words, empty where it is not known; class 0 is one."""
    value = record.facts.get(name)
    return "" if value is None else str(value)


def as_captions(value: str | Iterable[str] | None) -> tuple[str, ...]:
    if isinstance(value, str):  # a CSV cell holds one caption, or several as a JSON list
        try:
            value = json.loads(value) if value.startswith("[") else [value]
        except ValueError:
            value = [value]
    return tuple(c.strip() for c in value or () if isinstance(c, str) and c.strip())


def split_of(image: Path | bytes) -> str:
    """A split fixed by the picture's own bytes, so that exact duplicates never straddle two: 80, 10 and 10 per cent."""
    bucket = digest_of(image)[0]
    return "test" if bucket < 26 else "validation" if bucket < 52 else "train"


def digest_of(image: Path | bytes) -> bytes:
    """The SHA-256 of a picture's bytes; a file that is not there has none."""
    content = image if isinstance(image, bytes) else image.read_bytes() if image.is_file() else b""
    return hashlib.sha256(content).digest()


def refold(records: list[Record], folds: int, fold: int) -> list[Record]:
    """The records in the splits of k-fold cross-validation: of `folds` parts of what is not test, part `fold` is
    validation and the rest is train. A picture's own bytes decide its part, so that exact duplicates share one. 0
    folds: the records as they are."""
    if not folds:
        return records
    if not 0 <= fold < folds or folds < 2:
        raise InputError("folds_range", fold=fold, folds=folds)

    def split(record: Record) -> str:
        if record.split == "test":
            return "test"
        part = int.from_bytes(digest_of(record.image)[:4]) % folds
        return "validation" if part == fold else "train"

    return [measured_by_people(replace(record, split=split(record))) for record in records]


def at_most(items: list, limit: int) -> list:
    """`limit` of the items, drawn at random but always the same ones; 0: all."""
    return random.Random(0).sample(items, limit) if 0 < limit < len(items) else items


def load_pixels(records: list[Record], size: int, crop: bool) -> CaptionedImages:
    """Decode the records' pictures to `size`; broken ones are skipped and counted.

    With `crop` the largest centred square is kept, else the whole picture is squashed to a square. Raises InputError
    where none is left.
    """
    if not records:
        raise InputError("split_empty")

    def decode(record: Record) -> torch.Tensor | None:
        try:
            image: Image.Image = open_image(record.image, name=record.name)
        except InputError as error:
            log.warning("skipped: %s", error)
            return None
        return to_uint8([image], size, crop)[0]

    pixels, kept, skipped = empty_pixels(len(records), size), [], []
    with ThreadPoolExecutor(2) as pool:
        for record, decoded in zip(records, pool.map(decode, records), strict=True):
            if decoded is None:
                skipped.append(record.name)
            else:
                pixels[len(kept)] = decoded
                kept.append(record)
    if not kept:
        raise InputError("data_empty", name=records[0].domain)
    return CaptionedImages(pixels[: len(kept)], kept, skipped)


def empty_pixels(num_pictures: int, size: int) -> torch.Tensor:
    """uint8 [num_pictures, 3, size, size]: in memory, or where that would take too much of it in a file of the
    temporary folder (TMPDIR), which the system pages in as it is read and which goes with the process. Raises
    InputError where the disk is full."""
    shape = (num_pictures, 3, size, size)
    num_bytes = math.prod(shape)
    if num_bytes <= MEMORY_SHARE * psutil.virtual_memory().available:
        return torch.empty(shape, dtype=torch.uint8)
    folder = Path(tempfile.gettempdir())
    log.info("%d pictures take %d MB: they lie in %s", num_pictures, num_bytes // 10**6, folder)
    with said_when_full(folder), tempfile.NamedTemporaryFile(dir=folder) as file:
        for first in range(0, num_bytes, len(BLANK)):  # now: a mapped file that runs out of disk later is no exception
            file.write(BLANK[: num_bytes - first])
        file.flush()
        return torch.from_file(file.name, shared=True, size=num_bytes, dtype=torch.uint8).view(shape)


def load(
    sources: Iterable[str | Path], split: str, size: int, crop: bool = False, captioned: bool = True
) -> CaptionedImages:
    """All pictures of one split of several sources; with `captioned`, only those that have an English caption."""
    records = [r for source in sources for r in read(source) if r.split == split]
    return load_pixels([r for r in records if r.captions or not captioned], size, crop)
