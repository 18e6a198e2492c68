"""Files that visitors take away. Gradio copies what it hands out, so that these may soon go again."""

import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

KEPT = 3600  # seconds
_root = TemporaryDirectory(prefix="tuwen-")  # gone when the program ends


def fresh_folder() -> Path:
    """A new folder for one result; those of an hour ago are removed."""
    for folder in Path(_root.name).iterdir():
        if time.time() - folder.stat().st_mtime > KEPT:
            shutil.rmtree(folder, ignore_errors=True)
    return Path(mkdtemp(dir=_root.name))
