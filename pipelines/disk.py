"""A full disk, which is a user's matter too, as a sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.errors import InputError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def said_when_full(path: Path) -> Iterator[None]:
    """Whatever is written inside: a full disk becomes an InputError that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError("disk_full", name=path.name) from error
        raise
