"""WebDataset tars read in place: every header is checked before any content is read, and nothing is unpacked to disk.

Files that share the path before the first dot of their name are one sample, as WebDataset has it.
"""

import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipelines.batch import PICTURES
from pipelines.errors import InputError

READ = {suffix.removeprefix(".") for suffix in PICTURES} | {"txt", "json"}
MAX_FILES = 1_000_000
MAX_BYTES = 64_000_000_000  # of all the files that are read
MAX_FILE_BYTES = 200_000_000


def read_tar(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """(name, {suffix: content}) of every sample that has a picture. Raises InputError for what mustn't be read."""
    try:
        # "r:" takes plain tars only, since a compressed one can swell without bound before its headers are seen
        with tarfile.open(path, "r:") as archive:
            for name, members in index(archive).items():
                if any(f".{suffix}" in PICTURES for suffix in members):
                    yield name, {suffix: archive.extractfile(m).read() for suffix, m in members.items()}
    except (tarfile.TarError, EOFError) as error:
        raise InputError("tar_broken", name=path.name) from error


def index(archive: tarfile.TarFile) -> dict[str, dict[str, tarfile.TarInfo]]:
    """The members that are read, by sample and suffix."""
    samples, total = defaultdict(dict), 0
    for count, member in enumerate(archive, 1):
        parts = PurePosixPath(member.name.replace("\\", "/")).parts
        leaves = ".." in parts or parts[:1] == ("/",) or ":" in "".join(parts[:1])
        if leaves or member.issym() or member.islnk():
            raise InputError("tar_path", name=member.name)
        stem, _, suffix = PurePosixPath(member.name).name.partition(".")
        read = member.isreg() and stem and suffix.lower() in READ
        total += member.size if read else 0
        if count > MAX_FILES or total > MAX_BYTES or (read and member.size > MAX_FILE_BYTES):
            raise InputError("tar_large", files=MAX_FILES, limit=MAX_BYTES // 10**9, file=MAX_FILE_BYTES // 10**6)
        if read:
            samples[str(PurePosixPath(member.name).with_name(stem))][suffix.lower()] = member
    return samples
