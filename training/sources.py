"""Captioned pictures as others keep them: folders, tables, COCO captions, WebDataset tars and Hub datasets, one record
a picture. Nothing is unpacked or changed, no code of theirs runs, and no name leads out of its folder or archive."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pipelines.batch import PICTURES, PREDICTED
from pipelines.errors import InputError
from pipelines.languages import language_of
from training import metadata
from training.data import SPLITS, Record, joined, read_hub, record, rows_of
from training.shards import read_tar

KINDS = (".csv", ".jsonl", ".json", ".tar")


def read_source(source: str, pictures: Path | None = None) -> Iterator[Record]:
    """The records of one source; `split` is empty where it names none of ours. Raises InputError.

    `pictures` is the folder that a table's or COCO's names start from, if not the one of the file.
    """
    path = Path(source)
    if path.is_dir():
        rows = read_captioned_folder(path)
    elif path.is_file():
        folder = pictures or path.parent
        readers = {
            ".csv": lambda: table(metadata.read_rows(path), folder),
            ".jsonl": lambda: table(metadata.read_rows(path), folder),
            ".json": lambda: coco(path, folder),
            ".tar": lambda: shard(path),
        }
        if path.suffix.lower() not in readers:
            raise InputError("source_kind", name=path.name, known=", ".join(KINDS))
        rows = readers[path.suffix.lower()]()
    elif path.suffix.lower() in KINDS or source.startswith((".", "~")) or path.is_absolute():
        raise InputError("file_missing", name=path.name)
    else:
        rows = read_hub(source)
    for one in rows:
        english = tuple(c for c in one.captions if language_of(c) == "en")
        chinese = tuple(c for c in one.captions if language_of(c) == "zh")
        split = one.split if one.split in SPLITS else ""
        facts = one.facts
        if chinese and facts.get("caption_source") and not facts.get("caption_zh_source"):
            facts = {**facts, "caption_zh_source": facts["caption_source"]}  # of whatever language `captions` are
        yield replace(one, captions=english, captions_zh=chinese + one.captions_zh, split=split, facts=facts)


def found(row: dict, domain: str, image: Path | bytes) -> Record:
    """A record whose split is only what the row says."""
    return record({**row, "split": str(row.get("split") or "none")}, domain, image)


def read_captioned_folder(folder: Path) -> Iterator[Record]:
    """Metadata at the top or in one folder a split; else tars; else pictures with text files beside them, or none."""
    if metadata.tables(folder):
        yield from table(rows_of(folder), folder)
        return
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    images = [p for p in files if p.suffix.lower() in PICTURES]
    if not images:
        for path in files:
            if path.suffix.lower() == ".tar":
                yield from shard(metadata.below(folder, path.relative_to(folder).as_posix()))
    for path in images:
        name = path.relative_to(folder).as_posix()
        beside = metadata.below(folder, str(Path(name).with_suffix(".txt")))
        said = lines(beside.read_bytes()) if beside.is_file() else []
        row = {"file_name": name, "captions": said, "split": name.split("/")[0] if "/" in name else ""}
        yield found(row, folder.resolve().name, metadata.below(folder, name))


def table(rows: list[dict], folder: Path) -> list[Record]:
    domain = folder.resolve().name
    return joined(found(row, domain, metadata.below(folder, row["file_name"])) for row in rows)


def coco(path: Path, folder: Path) -> Iterator[Record]:
    """The pictures and captions of a COCO captions file, whose annotations may have a `caption_source`."""
    captions: dict[int, list[str]] = defaultdict(list)
    marks: dict[int, dict[str, str]] = defaultdict(dict)
    try:
        content = json.loads(path.read_bytes())
        for said in content["annotations"]:
            captions[said["image_id"]].append(str(said["caption"]))
            if source := str(said.get("caption_source") or ""):
                mark = "caption_zh_source" if language_of(str(said["caption"])) == "zh" else "caption_source"
                if source.startswith(PREDICTED) or mark not in marks[said["image_id"]]:  # one is enough to be marked
                    marks[said["image_id"]][mark] = source
        images = [(image["id"], str(image["file_name"])) for image in content["images"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("coco_broken", name=path.name) from error
    for key, name in images:
        row = {"file_name": name, "captions": captions[key], **marks[key]}
        yield found(row, folder.resolve().name, metadata.below(folder, name))


def shard(path: Path) -> Iterator[Record]:
    """The samples of a WebDataset tar: a picture, and captions in its .json or .txt."""
    for name, parts in read_tar(path):
        image = next(content for suffix, content in parts.items() if f".{suffix}" in PICTURES)
        row = {}
        if "json" in parts:
            try:
                row = metadata.named({**json.loads(parts["json"]), "file_name": name})
            except (ValueError, TypeError) as error:
                raise InputError("metadata_row", name=f"{name}.json", row=1) from error
        if not row.get("captions") and not row.get("text"):
            row["captions"] = lines(parts.get("txt", b""))
        yield found({**row, "file_name": name}, path.stem, image)


def lines(content: bytes) -> list[str]:
    return content.decode("utf-8-sig", errors="replace").splitlines()


def check_apart(sources: Iterable[str], out: Path) -> None:
    """Raises InputError where `out` is a source, lies in one, or holds one."""
    target = out.resolve()
    for source in map(Path, sources):
        place = source.resolve()
        if source.exists() and (place.is_relative_to(target) or (place.is_dir() and target.is_relative_to(place))):
            raise InputError("out_in_source", name=out.name, source=source.name)
