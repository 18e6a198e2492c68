"""What this computer has of what Tuwen needs, line by line, and what to do about the rest: `python app.py --doctor`."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAST_PYTHON = (3, 11)
LEAST_MEMORY, LEAST_DISK = 1.5, 1.0  # GB that the built-in models and their results take
INSTALL = "pip install --constraint constraints.txt --requirement requirements.txt"


@dataclass(frozen=True)
class Finding:
    """Whether something is as it should be, and the sentence that says so."""

    well: bool
    sentence: str


def examine() -> Iterator[Finding]:
    """Every finding, the ground first. What rests on missing ground is not examined."""
    yield python()
    packages = [package(line) for line in (ROOT / "requirements.txt").read_text().splitlines() if line[:1].isalpha()]
    yield from packages
    if all(each.well for each in packages):
        yield from (weights(name) for name in models())
        yield hardware()
        yield hub()
    yield disk()


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= LEAST_PYTHON:
        return Finding(True, f"Python {found}")
    return Finding(False, f"Python {found} is too old: install {'.'.join(map(str, LEAST_PYTHON))} or newer.")


def package(requirement: str) -> Finding:
    """A line of requirements.txt against what is installed."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return Finding(False, f"{wanted.name} is not installed: {INSTALL}")
    if wanted.specifier.contains(found, prereleases=True):
        return Finding(True, f"{wanted.name} {found}")
    return Finding(False, f"{wanted.name} {found} is not {wanted.specifier}: {INSTALL}")


def models() -> tuple[str, ...]:
    """The models that ship, by their folders."""
    from pipelines.image_captioning.pipeline import BUILT_IN as CAPTIONERS
    from pipelines.text_to_image.pipeline import BUILT_IN as GENERATORS

    return ("text-encoder", "image-encoder", *GENERATORS, *CAPTIONERS, "recognizer", "alignment")


def weights(name: str) -> Finding:
    from pipelines import checkpoint
    from pipelines.errors import InputError

    try:
        checkpoint.verify(checkpoint.WEIGHTS / name, name)
    except InputError as error:
        return Finding(False, str(error))
    return Finding(True, f"weights of {name} are whole")


def hardware() -> Finding:
    from pipelines import device

    free = device.free_bytes() / 1e9
    said = f"models run on {device.device()} in {device.dtype()}; {free:.1f} GB of memory are free"
    if free >= LEAST_MEMORY:
        return Finding(True, said)
    return Finding(False, f"{said}: close other programs, {LEAST_MEMORY} GB are needed.")


def hub() -> Finding:
    """Out of reach is as well: only models of other people need it."""
    from pipelines.hub import download_size

    reached = download_size("openai/clip-vit-base-patch32") is not None
    without = "can't be reached: the built-in models and those already downloaded work"
    return Finding(True, f"the Hugging Face Hub {'can be reached' if reached else without}")


def disk() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free / 1e9
    if free >= LEAST_DISK:
        return Finding(True, f"{free:.0f} GB are free in {folder}, where results are kept for a day")
    return Finding(False, f"{free:.1f} GB are free in {folder}: make room, or name another folder in TMPDIR.")


def main() -> int:
    """Print what was found; 1 where something is to be mended, else 0."""
    findings = []
    for finding in examine():
        print(f"{'ok  ' if finding.well else 'MEND'}  {finding.sentence}", flush=True)
        findings.append(finding)
    return int(not all(finding.well for finding in findings))
