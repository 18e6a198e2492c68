"""What a training tells while it runs: its lines of progress.jsonl, how far it is, how long it still takes, its log."""

import json
import math
import re
from pathlib import Path

PROGRESS, LOG = "progress.jsonl", "log.txt"
STATES = "state-[0-9]*/run.json"  # the facts of whole states, see training/states.py
RECENT = 20  # lines that say how fast it is now
CLASS = re.compile(r"^[\w.]*(?:Error|Exception): ")
BAR = re.compile(r"\d%\||(?:it|ex)/s")  # what tqdm draws
LOG_BYTES = 8_000


def read(folder: Path) -> list[dict]:
    """The lines of a run, by step. A run that went on from an earlier state has written some steps twice: the later
    line holds."""
    path = folder / PROGRESS
    lines: list[dict] = []
    for written in path.read_text().splitlines() if path.is_file() else ():
        try:
            line = json.loads(written)
        except ValueError:  # it is being written
            continue
        while lines and lines[-1]["step"] >= line["step"]:
            lines.pop()
        lines.append(line)
    return lines


def newest_state(folder: Path) -> dict | None:
    """The facts of the state that a run goes on from, among them the `seconds` it took; None where there is none."""
    facts = max(folder.glob(STATES), default=None)
    return json.loads(facts.read_text()) if facts else None


def done(lines: list[dict], minutes: float) -> float:
    """How far a run is, 0…1: by its steps or by its time, whichever ends it first."""
    if not lines:
        return 0.0
    last = lines[-1]
    return min(1.0, max(last["step"] / last["max_steps"], last["seconds"] / (60 * minutes)))


def seconds_left(lines: list[dict], minutes: float) -> float:
    """At the speed of the last lines, and never beyond the time that the run was given."""
    first, last = ({"step": 0, "seconds": 0.0} if len(lines) == 1 else lines[-RECENT:][0]), lines[-1]
    pace = (last["seconds"] - first["seconds"]) / max(1, last["step"] - first["step"])
    return max(0.0, min(pace * (last["max_steps"] - last["step"]), 60 * minutes - last["seconds"]))


def curve(lines: list[dict], name: str, num_points: int) -> list[tuple[float, float]]:
    """(step, value) of one scalar, averaged to at most `num_points`; what is not a number is left out."""
    points = [(line["step"], line[name]) for line in lines if math.isfinite(line.get(name, math.nan))]
    size = math.ceil(len(points) / num_points) or 1
    parts = (points[k : k + size] for k in range(0, len(points), size))
    return [tuple(sum(axis) / len(part) for axis in zip(*part, strict=True)) for part in parts]


def newest_sample(folder: Path) -> Path | None:
    return max((folder / "samples").glob("*.webp"), default=None)


def log_lines(folder: Path) -> list[str]:
    """The end of the log; of a progress bar that was drawn over and over, what it showed last."""
    path = folder / LOG
    if not path.is_file():
        return []
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        written = file.read().decode(errors="replace")
    return [shown for line in written.split("\n") if (shown := line.rstrip("\r").rsplit("\r", 1)[-1].strip())]


def failure(lines: list[str]) -> str:
    """The sentence that a log ends with; empty where a process went without a word, in the midst of its work."""
    last = lines[-1] if lines else ""
    return "" if BAR.search(last) else CLASS.sub("", last)
