"""Captions for many pictures: a folder, files, or a zip of them. Captions that are there already are kept, replaced or
added to; what comes out can be corrected by hand, and is written so that other programs and our own training read it.
"""

import csv
import io
import json
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from pipelines.disk import said_when_full
from pipelines.errors import InputError

PICTURES = {".webp", ".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff"}
EXISTING = ("skip", "overwrite", "append")
FORMATS = {"jsonl": "metadata.jsonl", "csv": "captions.csv", "txt": "captions.zip", "coco": "captions.json"}
MAX_FILES = 500
MAX_BYTES = 2_000_000_000  # of a zip, unpacked
MAX_FILE_BYTES = 100_000_000  # of one of its files
# what zipfile and its unpackers raise of a damaged, locked or unknown zip: they have no error in common
BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, RuntimeError, EOFError)
LINK = 0o120000  # the kind of a symbolic link in a zip's file modes
PREDICTED = "predicted by "  # how the source of captions begins that no one read: no model is measured by them
CORRECTED = "corrected by hand"


def predicted_by(*names: str) -> str:
    """The source of what models of these names wrote."""
    return PREDICTED + " and ".join(names)


@dataclass(frozen=True)
class Row:
    """One picture: its name below the folder, its file, what was written beside it before, and its captions now.

    `doubted` are words of the captions that recognition finds no trace of; `error` says why there is no caption;
    `source` says who wrote the captions, and is empty where that isn't known, as of those that were there before.
    """

    name: str
    path: Path
    existing: str = ""
    captions: tuple[str, ...] = ()
    doubted: tuple[str, ...] = ()
    error: str = ""
    source: str = ""


def collect(sources: Iterable[str | Path], folder: Path, limit: int = MAX_FILES) -> list[Row]:
    """The pictures of files, folders and zips; zips are unpacked below `folder`, which must be empty and the caller's
    own. A text file of a picture's name is its existing caption. Raises InputError for what can't or mustn't be read.
    """
    files: dict[str, Path] = {}
    named: set[str] = set()  # one by one, and not as a part of a folder or zip: what is no picture gets its own line
    for k, source in enumerate(map(Path, sources)):
        if source.is_dir():
            found = {p.relative_to(source).as_posix(): p for p in sorted(source.rglob("*")) if p.is_file()}
        elif source.suffix.lower() == ".zip":
            found = unpack(source, folder / str(k), limit)
        else:
            found = {source.name: source}
        taken = not found.keys().isdisjoint(files)  # then all get new names, so that texts stay with their pictures
        found = {f"{k}-{name}" if taken else name: path for name, path in found.items()}
        files |= found
        if source.is_file() and source.suffix.lower() not in (".zip", ".txt"):
            named |= found.keys()
    texts = {str(PurePosixPath(n).with_suffix("")): p for n, p in files.items() if n.lower().endswith(".txt")}
    rows = []
    for name, path in files.items():
        if name in named or PurePosixPath(name).suffix.lower() in PICTURES:
            beside = texts.get(str(PurePosixPath(name).with_suffix("")))
            existing = beside.read_text(encoding="utf-8", errors="replace").strip() if beside else ""
            rows.append(Row(name, path, existing))
    if not rows:
        raise InputError("batch_empty")
    if len(rows) > limit:
        raise InputError("batch_many", count=len(rows), limit=limit)
    return rows


def unpack(source: Path, folder: Path, limit: int) -> dict[str, Path]:
    """The pictures and text files of a zip, written below `folder` under numbers: no name of a zip becomes a path."""
    try:
        with zipfile.ZipFile(source) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            for member in members:
                parts = PurePosixPath(member.filename.replace("\\", "/")).parts
                if not parts or ".." in parts or parts[0].startswith(("/", "~")) or ":" in parts[0] or is_link(member):
                    raise InputError("zip_path", name=member.filename)
            kept = [m for m in members if Path(m.filename).suffix.lower() in PICTURES | {".txt"} and not of_macos(m)]
            if len(kept) > 2 * limit:
                raise InputError("batch_many", count=len(kept), limit=limit)
            if sum(m.file_size for m in kept) > MAX_BYTES or any(m.file_size > MAX_FILE_BYTES for m in kept):
                raise InputError("zip_large", limit=MAX_BYTES // 10**9, file=MAX_FILE_BYTES // 10**6)
            folder.mkdir(parents=True)
            found = {}
            for k, member in enumerate(kept):
                path = folder / f"{k}{Path(member.filename).suffix.lower()}"
                content = archive.read(member)  # at most the size that was declared
                with said_when_full(folder):
                    path.write_bytes(content)
                found[member.filename] = path
            return found
    except BROKEN as error:
        raise InputError("zip_broken", name=source.name) from error


def of_macos(member: zipfile.ZipInfo) -> bool:
    """Whether it is one of the files that macOS puts beside each picture, under the picture's own kind of name."""
    path = PurePosixPath(member.filename)
    return "__MACOSX" in path.parts or path.name.startswith("._")


def is_link(member: zipfile.ZipInfo) -> bool:
    return (member.external_attr >> 16) & 0o170000 == LINK


def describe_all(
    rows: list[Row],
    captioners: list[Callable],
    *,
    language: str = "en",
    existing: str = "skip",
    recognize: Callable | None = None,
    on_picture: Callable[[int], None] | None = None,
    say: Callable[[InputError], str] = str,
    **decoding,
) -> list[Row]:
    """Every row with a caption by each captioner, and their names as its source. `on_picture(number done)` may end the
    run by raising.

    `existing` says what becomes of captions that are there: "skip" leaves them, "overwrite" replaces them, "append"
    puts the new one behind. `say` puts what is wrong with a picture into words. `decoding` goes to the captioners.
    """
    from pipelines.images import open_image

    if existing not in EXISTING:
        raise InputError("existing", value=existing, known=", ".join(EXISTING))
    done = []
    for k, row in enumerate(rows, 1):
        if row.existing and existing == "skip":
            done.append(replace(row, captions=(row.existing,)))
        else:
            try:
                image = open_image(row.path, row.name)
            except InputError as error:
                done.append(replace(row, error=say(error)))
            else:
                done.append(described(row, image, captioners, language, decoding, existing == "append", recognize))
        if on_picture:
            on_picture(k)
    return done


def described(
    row: Row, image: Image.Image, captioners: list[Callable], language: str, decoding: dict, append: bool,
    recognize: Callable | None,
) -> Row:  # fmt: skip
    outputs = [caption([image], language=language, **decoding)[0] for caption in captioners]
    doubted: dict[str, None] = {}
    if recognize:
        (found,) = recognize([image])
        for output in outputs:
            words = output.tokens[0]
            doubted |= {w: None for w, doubt in zip(words, recognize.doubts(found, words), strict=True) if doubt}
    before = f"{row.existing} " if append and row.existing else ""
    captions = tuple(before + caption for output in outputs for caption in output.captions)
    return replace(row, captions=captions, doubted=tuple(doubted), source=predicted_by(*(c.name for c in captioners)))


def export(rows: list[Row], kind: str, folder: Path, language: str = "en") -> Path:
    """Write the captions into `folder` and return the file; pictures without a caption are left out.

    "jsonl" and "csv" are imagefolder's metadata, which training reads; "txt" a zip of text files, "coco" COCO's JSON.
    All but text files, which have no place for it, say where each picture's captions come from.
    """
    if kind not in FORMATS:
        raise InputError("export", value=kind, known=", ".join(FORMATS))
    told = [(row.name, [c for c in row.captions if c], row.source) for row in rows if any(row.captions)]
    key, mark = ("captions", "caption_source") if language == "en" else ("captions_zh", "caption_zh_source")
    if kind == "jsonl":
        lines = ({"file_name": name, key: captions, mark: source} for name, captions, source in told)
        content = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    elif kind == "csv":
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["file_name", key, mark])
        for name, captions, source in told:
            writer.writerow([name, json.dumps(captions, ensure_ascii=False), source])
        content = table.getvalue().encode()
    elif kind == "coco":
        images = [{"id": k, "file_name": name} for k, (name, _, _) in enumerate(told)]
        said = [
            {"image_id": k, "caption": caption, "caption_source": source}
            for k, (_, captions, source) in enumerate(told)
            for caption in captions
        ]
        annotations = [{"id": j, **one} for j, one in enumerate(said)]
        content = json.dumps({"images": images, "annotations": annotations}, ensure_ascii=False, indent=1).encode()
    else:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, captions, _ in told:
                archive.writestr(str(PurePosixPath(name).with_suffix(".txt")), "\n".join(captions) + "\n")
        content = buffer.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FORMATS[kind]
    path.write_bytes(content)
    return path
