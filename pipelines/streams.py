"""A call that tells how far it is while it works, as a stream of what it told."""

import threading
from collections.abc import Callable, Generator
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def stream(work: Callable[[Callable[[object], None]], T]) -> Generator[object, None, T]:
    """Do `work(tell)` in a thread, in the caller's context: yields what it tells, returns what it returns, raises what
    it raises."""
    told: SimpleQueue[tuple[bool, object]] = SimpleQueue()  # (whether it is the end, what was told)
    result, raised = [], []

    def call() -> None:
        try:
            result.append(work(lambda news: told.put((False, news))))
        except BaseException as error:  # handed to the thread that listens
            raised.append(error)
        told.put((True, None))

    threading.Thread(target=copy_context().run, args=(call,), daemon=True).start()
    while True:
        ended, news = told.get()
        if ended:
            break
        yield news
    if raised:
        raise raised[0]
    return result[0]
