"""Any captioned pictures → a folder that training reads: resized WebP pictures, `metadata.jsonl`, splits by content.
`python -m training.prepare SOURCE --out FOLDER`, where SOURCE is a folder, a CSV, JSON lines or COCO captions file, a
WebDataset tar, or a Hub dataset id.

`prepared.json` tells what was done. Pictures keep their captions and facts, and `source_name`, what they were called.
"""

import argparse
import hashlib
import io
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from pipelines.disk import said_when_full
from pipelines.errors import InputError
from pipelines.images import open_image
from training import metadata
from training.data import SPLITS, Record
from training.duplicates import MAX_BITS, Fingerprint, fingerprint
from training.sources import check_apart, read_source
from training.splits import assign

SIDES = ("shortest", "longest")
LEAST_SIDE, MAX_RATIO, MAX_SIZE = 8, 10, 1024  # WebP ends at 16,383 pixels a side
PARTIAL, DONE = ".partial", "prepared.json"
CHUNK = 64  # pictures held in memory at once


@dataclass(frozen=True)
class PrepareConfig:
    """`size` is of the `side`, and never enlarges; `threshold` is the bits in which near duplicates may differ."""

    size: int = 256
    side: str = "shortest"
    quality: int = 90
    validation: float = 0.1
    test: float = 0.1
    threshold: int = MAX_BITS
    keep_splits: bool = False


@dataclass(frozen=True)
class Prepared:
    """How many pictures each split has, why others were skipped, and how many groups of near duplicates kept splits
    that differ."""

    splits: dict[str, int]
    skipped: dict[str, str]
    straddling: int


@dataclass(frozen=True)
class Picture:
    """A resized picture: WebP `content`, or the sentence that says why there is none."""

    record: Record
    content: bytes = b""
    print: Fingerprint | None = None
    error: InputError | None = None


def prepare(
    sources: list[str], out: Path, config: PrepareConfig = PrepareConfig(), pictures: Path | None = None
) -> Prepared:
    """Write the pictures and captions of `sources` to the folder `out`; a second time gives the same files. Unreadable
    pictures are skipped. Raises InputError, and then leaves `out` as it was. A run that is killed while it stages
    leaves what was there before; one that is killed while it commits leaves a part, which the next run completes."""
    if not (0 <= config.validation <= 1 and 0 <= config.test <= 1 and config.validation + config.test < 1):
        raise InputError("shares")
    if not LEAST_SIDE <= config.size <= MAX_SIZE:
        raise InputError("size", limit=MAX_SIZE, value=config.size)
    check_apart([*sources, *([str(pictures)] if pictures else [])], out)
    check_free(out)
    name, new = Path(sources[0]).name, not out.exists()
    records = chain.from_iterable(read_source(source, pictures) for source in sources)
    try:
        with said_when_full(out):
            finish(out)
            shutil.rmtree(out / PARTIAL, ignore_errors=True)
            (out / PARTIAL).mkdir(parents=True, exist_ok=True)
            rows, prints, told, skipped = stage(records, out / PARTIAL, config, many=len(sources) > 1)
            check_enough(rows, skipped, name)
            splits = assign(prints, told, config.validation, config.test, config.threshold)
            rows = [{**row, "split": split} for row, split in zip(rows, splits.names, strict=True)]
            counts = Counter(splits.names)
            sentences = {picture: str(error) for picture, error in skipped.items()}
            prepared = Prepared({s: counts[s] for s in SPLITS}, sentences, splits.straddling)
            commit(out, rows, {"sources": [Path(s).name for s in sources], **asdict(config), **asdict(prepared)})
    finally:
        if not (out / PARTIAL / DONE).is_file():  # else it is stopped amid its commit
            shutil.rmtree(out / PARTIAL, ignore_errors=True)
        if new and out.is_dir() and not any(out.iterdir()):
            out.rmdir()
    return prepared


def stage(
    records: Iterable[Record], folder: Path, config: PrepareConfig, many: bool
) -> tuple[list[dict], list[Fingerprint], list[str], dict[str, InputError]]:
    """Write every readable picture into `folder`, under the name it will have. The rows, fingerprints and told splits
    of these, and what is wrong with the others."""
    rows, prints, told, skipped, copies, alike = [], [], [], {}, Counter(), Counter()
    for picture in tqdm(resized(records, config), unit=" pictures", disable=None):
        record = picture.record
        if picture.error:
            name = f"{record.domain}/{record.name}" if many else record.name
            alike[name] += 1
            skipped[name if alike[name] == 1 else f"{name} ({alike[name]})"] = picture.error
            continue
        digest = hashlib.sha256(picture.content).hexdigest()[:16]
        copies[digest] += 1
        file = f"{digest}.webp" if copies[digest] == 1 else f"{digest}-{copies[digest]}.webp"
        (folder / file).write_bytes(picture.content)
        facts = {key: value for key, value in record.facts.items() if is_plain(value)}
        if many:
            facts.setdefault("domain", record.domain)
        captions = {"captions": list(record.captions), "captions_zh": list(record.captions_zh)}
        rows.append({"file_name": f"images/{file}", **captions, **facts, "source_name": record.name})
        prints.append(picture.print)
        told.append(record.split if config.keep_splits else "")
    return rows, prints, told, skipped


def resized(records: Iterable[Record], config: PrepareConfig) -> Iterator[Picture]:
    """The records' pictures in order, a few at a time, since those of a tar are held in memory."""
    records = iter(records)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(records, CHUNK)):
            yield from pool.map(lambda record: resize(record, config), chunk)


def resize(record: Record, config: PrepareConfig) -> Picture:
    try:
        image = open_image(record.image, record.name)
        width, height = image.size
        if min(width, height) < LEAST_SIDE or max(width, height) > MAX_RATIO * min(width, height):
            raise InputError(
                "image_shape", name=record.name, width=width, height=height, least=LEAST_SIDE, ratio=MAX_RATIO
            )
    except InputError as error:
        return Picture(record, error=error)
    side = min(width, height) if config.side == "shortest" else max(width, height)
    scale = min(1.0, config.size / side)
    image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)
    image.info.clear()  # where and with what a photograph was taken stays with its owner
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=min(max(config.quality, 1), 100))
    # of the picture as it will be read, so that a report finds the same near duplicates
    return Picture(record, buffer.getvalue(), fingerprint(open_image(buffer.getvalue())))


def is_plain(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def check_free(out: Path) -> None:
    """Raises InputError unless `out` is new, empty, or just as `prepare` left it, killed or not."""
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir() or any((out / name).is_symlink() for name in ("images", PARTIAL, DONE, metadata.NAMES[0])):
        raise InputError("out_taken", name=out.name)
    table, marks = out / metadata.NAMES[0], [p for p in (out / DONE, out / PARTIAL / DONE) if p.is_file()]
    if not marks:
        if {path.name for path in out.iterdir()} - {PARTIAL}:
            raise InputError("out_taken", name=out.name)
        return
    if marks == [out / PARTIAL / DONE] and not table.exists():  # a first run, killed before its table was in place
        return
    try:
        digests = [json.loads(mark.read_bytes())["metadata_sha256"] for mark in marks]
        same = hashlib.sha256(table.read_bytes()).hexdigest() in digests
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise InputError("out_changed", name=out.name)


def check_enough(rows: list[dict], skipped: dict[str, InputError], name: str) -> None:
    missing = [error for error in skipped.values() if error.code == "file_missing"]
    if not rows and missing and len(missing) == len(skipped):
        raise InputError("data_none_there", count=len(missing), name=name)
    if not rows:
        raise InputError("data_empty", name=name)
    if len(rows) == 1:
        raise InputError("data_one", name=name)


def commit(out: Path, rows: list[dict], done: dict) -> None:
    """Put the staged pictures and their metadata in the place of those of an earlier run. All bytes are on the disk
    before anything is replaced: the staged `prepared.json` comes last, and says so."""
    content = metadata.encode(rows)
    done |= {"metadata_sha256": hashlib.sha256(content).hexdigest()}
    (out / PARTIAL / metadata.NAMES[0]).write_bytes(content)
    text = json.dumps(done, ensure_ascii=False, indent=1) + "\n"
    metadata.write_whole(out / PARTIAL / DONE, text.encode(errors="replace"))
    finish(out)


def finish(out: Path) -> None:
    """Move what is wholly staged to its place, or what a killed run had not moved yet; else nothing. The table comes
    after the pictures it names."""
    staged, table = out / PARTIAL, metadata.NAMES[0]
    if not (staged / DONE).is_file():
        return
    (out / "images").mkdir(exist_ok=True)
    for path in sorted(staged.glob("*.webp")):
        os.replace(path, out / "images" / path.name)
    if (staged / table).is_file():
        old, new = (
            {Path(row["file_name"]).name for row in metadata.read_rows(path)} if path.is_file() else set()
            for path in (out / table, staged / table)
        )
        os.replace(staged / table, out / table)
        for name in old - new:
            metadata.below(out / "images", name).unlink(missing_ok=True)
    os.replace(staged / DONE, out / DONE)


def main(arguments: list[str] | None = None) -> int:
    base = PrepareConfig()
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__)
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="new, empty, or of an earlier run")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where the names in a table or COCO file start")
    parser.add_argument("--size", type=int, default=base.size, metavar="PIXELS", help="smaller pictures stay so")
    parser.add_argument("--side", choices=SIDES, default=base.side, help="the one that gets the size")
    parser.add_argument("--quality", type=int, default=base.quality, help="of WebP, 1 to 100")
    parser.add_argument("--validation", type=float, default=base.validation, metavar="SHARE")
    parser.add_argument("--test", type=float, default=base.test, metavar="SHARE")
    parser.add_argument("--threshold", type=int, default=base.threshold, metavar="BITS",
                        help="of 64 that near duplicates may differ in")  # fmt: skip
    parser.add_argument("--keep-splits", action="store_true", help="pictures that have a split keep it")
    args = vars(parser.parse_args(arguments))
    sources, out, pictures = (args.pop(key) for key in ("sources", "out", "pictures"))
    try:
        prepared = prepare(sources, out, PrepareConfig(**args), pictures)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    for sentence in list(prepared.skipped.values())[:20]:
        print(f"skipped: {sentence}", file=sys.stderr)
    print(", ".join(f"{split} {count}" for split, count in prepared.splits.items()), f"in {out}")
    if prepared.skipped:
        print(f"{len(prepared.skipped)} pictures were skipped; {DONE} says why.")
    if prepared.straddling:
        print(f"{prepared.straddling} groups of near duplicates lie in several of the splits that were kept.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
