"""The metadata of a captioned folder, `metadata.jsonl` or `metadata.csv`: rows in; rows out, whole or not at all."""

import csv
import io
import json
import os
from pathlib import Path

from pipelines.disk import said_when_full
from pipelines.errors import InputError

NAMES = ("metadata.jsonl", "metadata.csv")
FILE_KEYS = ("file_name", "filename", "image_path", "image", "file", "path")


def find(folder: Path) -> Path | None:
    """The metadata file of `folder`, or None. Raises InputError where it is a link that leads out of the folder."""
    return next((below(folder, name) for name in NAMES if (folder / name).is_file()), None)


def tables(folder: Path) -> list[Path]:
    """The metadata file of `folder`, or else those of the folders in it, of which each is a split. Raises InputError
    as `find` does."""
    if at_top := find(folder):
        return [at_top]
    inside = sorted(p for p in folder.iterdir() if p.is_dir() and not p.is_symlink())
    return [path for path in map(find, inside) if path]


def read_rows(path: Path) -> list[dict]:
    """The rows of a JSON lines or CSV file, each with `file_name`. Raises InputError for a line that is none."""
    content, rows = path.read_bytes(), []
    try:
        if path.suffix.lower() == ".csv":
            for row in csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")):
                rows.append(named(row))
        else:
            for line in content.splitlines():  # of bytes: a str would break at U+2028 within a caption
                if line.strip():
                    rows.append(named(json.loads(line)))
    except (csv.Error, ValueError, TypeError) as error:
        raise InputError("metadata_row", name=path.name, row=len(rows) + 1) from error
    return rows


def named(row: dict) -> dict:
    """`row` under our names, where it goes by other common ones. Raises ValueError where it names no picture."""
    if not isinstance(row, dict):
        raise TypeError("a row is an object")
    row = {key: value for key, value in row.items() if isinstance(key, str)}
    key = next((key for key in FILE_KEYS if row.get(key)), None)
    if key is None or not isinstance(row[key], str) or "\0" in row[key]:
        raise ValueError("no file name")
    row = {"file_name": row.pop(key), **row}
    if not row.get("captions") and not row.get("text") and "caption" in row:
        row["captions"] = row.pop("caption")
    return row


def below(folder: Path, name: str) -> Path:
    """The file `name` of `folder`. Raises InputError where it lies elsewhere, by its path or by a link."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputError("data_outside", name=name)
    return path


def encode(rows: list[dict], suffix: str = ".jsonl") -> bytes:
    """The rows as the bytes of a JSON lines file, or of a CSV whose cells hold lists as JSON; "?" stands for what
    UTF-8 has no bytes for."""
    if suffix != ".csv":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(errors="replace")
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    for row in rows:
        cells = {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list | dict) else v for k, v in row.items()}
        writer.writerow(cells)
    return table.getvalue().encode(errors="replace")


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the place of `path` at once: whoever reads it sees the old file or the new one."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with said_when_full(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
