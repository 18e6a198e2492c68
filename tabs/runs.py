"""A long call as a stream for the page: it works in a thread, tells its steps, and ends when its visitor says so."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

from pipelines.streams import stream
from pipelines.text_to_image.steps import Step, Stopped

PREVIEW_EVERY = 0.4  # seconds: often enough to follow, seldom enough to cost nothing
_stops: dict[str, threading.Event] = {}


@dataclass(frozen=True)
class Progress:
    """`done` of `total` ("steps", "pictures", or "bytes" of a download) and the pictures as they stand."""

    unit: str
    done: int
    total: int
    previews: list[Image.Image]


class Run:
    """What a call tells the page: its steps and its downloads."""

    def __init__(self, tell: Callable[[Progress], None], stopped: threading.Event):
        self.tell, self.stopped, self.told_at = tell, stopped, 0.0

    def check(self) -> None:
        """Raises Stopped where the visitor has ended the run."""
        if self.stopped.is_set():
            raise Stopped

    def on_step(self, step: Step) -> None:
        self.check()
        if step.number < step.total and time.monotonic() - self.told_at >= PREVIEW_EVERY:
            self.tell(Progress("steps", step.number, step.total, step.preview()))
            self.told_at = time.monotonic()

    def on_picture(self, done: int, total: int) -> None:
        self.check()
        self.tell(Progress("pictures", done, total, []))

    def on_download(self, done: int, total: int) -> None:
        self.check()
        if time.monotonic() - self.told_at >= PREVIEW_EVERY:
            self.tell(Progress("bytes", done, total, []))
            self.told_at = time.monotonic()


def follow(session: str, work: Callable[[Run], object]) -> Iterator[object]:
    """Do `work(run)` in a thread: its `Progress` as it comes, then its result. Raises what it raised, and `Stopped`
    where `stop(session)` was called, or where nobody listens any longer."""
    stopped = _stops[session] = threading.Event()
    try:
        result = yield from stream(lambda tell: work(Run(tell, stopped)))
        if stopped.is_set():  # too late for the work to see it
            raise Stopped
        yield result
    finally:
        stopped.set()
        if _stops.get(session) is stopped:
            del _stops[session]


def stop(session: str) -> None:
    """End the run of this visitor within one step; those of others go on."""
    if running := _stops.get(session):
        running.set()
