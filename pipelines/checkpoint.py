"""A checkpoint: a folder with config.json, safetensors weights, a model card (README.md) and the checksums of them all.

Never pickle: only safetensors is read. The checksum file makes a damaged or mixed-up folder a sentence, not a picture
of noise.
"""

import hashlib
import json
import os
from pathlib import Path

from pipelines.errors import InputError

WEIGHTS = Path(os.environ.get("TUWEN_WEIGHTS", Path(__file__).resolve().parent.parent / "weights"))
CHECKSUMS = "checksums.json"


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path) -> None:
    """Record the SHA-256 of every JSON and safetensors file below `folder`."""
    folder = Path(folder)
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".json", ".safetensors") and p.name != CHECKSUMS)
    digests = {p.relative_to(folder).as_posix(): sha256(p) for p in files}
    (folder / CHECKSUMS).write_text(json.dumps(digests, indent=1) + "\n")


def verify(folder: Path, name: str) -> dict[str, str]:
    """Check every file of `folder` against its checksum and return the checksums.

    Raises InputError that names the first file that is missing or differs.
    """
    checksums = Path(folder) / CHECKSUMS
    if not checksums.is_file():
        raise InputError("weights_missing", name=name, path=checksums)
    expected = json.loads(checksums.read_text())
    for file, digest in expected.items():
        path = Path(folder) / file
        if not path.is_file():
            raise InputError("weights_missing", name=name, path=path)
        if sha256(path) != digest:
            raise InputError("weights_corrupted", name=name, path=path)
    return expected


def weights_hash(folder: Path) -> str:
    """A short name for exactly these weights: the first 12 hex digits of the model's SHA-256. A discriminator may lie
    beside it, to train on from."""
    checksums = json.loads((Path(folder) / CHECKSUMS).read_text())
    return next(digest for file, digest in checksums.items() if file.endswith("model.safetensors"))[:12]
