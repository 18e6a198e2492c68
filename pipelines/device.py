"""The one device and dtype that inference uses, and the ledger of the models that are loaded on it.

Devices are chosen by `accelerate`, so that a GPU is used where there is one. Models load at first use, are shared, and
leave again, the least recently used first, when the next one would pass the memory budget.
"""

import atexit
import ctypes
import gc
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import torch
from accelerate import PartialState
from torch import nn

from pipelines.errors import InputError

LOCK = threading.RLock()  # one model call at a time: the device is one
# a Space whose GPU is lent for one call at a time: only pretrained pipelines ask for it (zero_gpu.py)
ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
BUDGET_SHARE = 0.8        # of the free memory, where no budget is given
MEASURE_EVERY = 0.02      # seconds


@dataclass
class Entry:
    """A loaded model: its size in bytes and when it was used last (seconds since the epoch)."""

    model: object
    num_bytes: int
    last_use: float


_entries: OrderedDict[str, Entry] = OrderedDict()


@cache
def processes() -> PartialState:
    """This process and the others of `accelerate launch` or `torchrun`, which on CPUs are found only where accelerate
    is told that there is nothing else. They take leave of one another at exit: the threads of a group that is still
    open then can abort a process whose work is done."""
    state = PartialState(cpu=not torch.accelerator.is_available())
    atexit.register(state.destroy_process_group)
    return state


@cache
def device() -> torch.device:
    return torch.device("cpu") if ZERO_GPU else processes().device


@cache
def dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it natively, else float32."""
    if device().type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device().type == "cpu" and torch.cpu._is_avx512_bf16_supported():
        return torch.bfloat16
    return torch.float32


def autocast() -> torch.autocast:
    return torch.autocast(device().type, dtype(), enabled=dtype() != torch.float32)


def get(name: str, load: Callable[[], object], num_bytes: int = 0) -> object:
    """The model called `name`, loaded by `load` at first use. A failed load leaves nothing behind.

    `num_bytes` is what it will need, as far as can be known: others leave until it fits. Raises InputError where even
    an empty device would not hold it.
    """
    with LOCK:
        if name not in _entries:
            make_room(name, num_bytes)
            model = load()
            _entries[name] = Entry(model, size_of(model), 0)
        _entries.move_to_end(name)
        _entries[name].last_use = time.time()
        return _entries[name].model


def make_room(name: str, num_bytes: int) -> None:
    """Unload the least recently used models until `num_bytes` more stay within the budget."""
    limit = budget()
    if num_bytes > limit:
        model = name.partition("/")[2]
        raise InputError("memory_budget", name=model, needed=megabytes(num_bytes), free=megabytes(limit))
    while _entries and sum(e.num_bytes for e in _entries.values()) + num_bytes > limit:
        unload(next(iter(_entries)))


def budget() -> int:
    """Bytes that loaded models may take: TUWEN_MEMORY_BUDGET (in MB; --memory-budget), else most of the free memory
    and what the loaded models hold of it."""
    if given := os.environ.get("TUWEN_MEMORY_BUDGET"):
        return int(float(given) * 1e6)
    held = sum(e.num_bytes for e in _entries.values())
    return int(BUDGET_SHARE * (free_bytes() + held))


def free_bytes() -> int:
    return torch.cuda.mem_get_info()[0] if device().type == "cuda" else psutil.virtual_memory().available


def unload(*names: str) -> None:
    with LOCK:
        for name in names:
            _entries.pop(name, None)
        release()


def release() -> None:
    """Give freed memory back to the device and, on Linux, to the system."""
    gc.collect()
    if device().type == "cuda":
        torch.cuda.empty_cache()
    elif hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def loaded() -> list[str]:
    """Names of the loaded models, least recently used first."""
    return list(_entries)


def ledger() -> list[dict]:
    """What is loaded: [{"name", "megabytes", "seconds_idle"}], least recently used first."""
    now = time.time()
    return [
        {"name": name, "megabytes": megabytes(e.num_bytes), "seconds_idle": round(now - e.last_use)}
        for name, e in list(_entries.items())
    ]


def size_of(model: object) -> int:
    """Bytes of the parameters and buffers of `model`, a network or an object that holds networks or pipelines."""
    parts = {}
    pending = [model]
    while pending:
        part = pending.pop()
        if isinstance(part, nn.Module):
            for x in (*part.parameters(), *part.buffers()):
                parts[id(x)] = x.numel() * x.element_size()
        elif hasattr(part, "components"):  # a diffusers pipeline
            pending += part.components.values()
        elif part is model:
            pending += vars(part).values() if hasattr(part, "__dict__") else ()
    return sum(parts.values())


def size_on_disk(folder: Path) -> int:
    """Bytes of the safetensors files below `folder`, as float32 where they are kept in half precision."""
    widen = 2 if dtype() == torch.float32 or (Path(folder) / "checksums.json").is_file() else 1
    return widen * sum(path.stat().st_size for path in Path(folder).rglob("*.safetensors"))


def megabytes(num_bytes: int) -> int:
    return round(num_bytes / 1e6)


OUT_OF_MEMORY = ("can't allocate memory", "out of memory")


def in_memory(make: Callable[[list], list], items: list) -> list:
    """`make(items)`; where memory runs out, once more in two halves after everything that can go has gone.

    Raises InputError where that is too much as well.
    """
    try:
        return make(items)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
    release()  # outside the handler, whose traceback holds the tensors
    half = -(-len(items) // 2)
    try:
        return make(items[:half]) + (make(items[half:]) if items[half:] else [])
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        problem = str(error)
    release()
    raise InputError("out_of_memory", count=len(items), free=megabytes(free_bytes()), needed=needed(problem))


def ran_out(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in OUT_OF_MEMORY)


def needed(problem: str) -> str:
    """The size that could not be had, in the words of whoever asked for it: "you tried to allocate 64 bytes"."""
    _, _, rest = problem.lower().partition("tried to allocate ")
    return " ".join(rest.split()[:2]).rstrip(".,") or "?"


@contextmanager
def measured() -> Iterator[Callable[[], int]]:
    """Within the block memory is watched; afterwards the value's call tells the peak, in bytes: of the device where it
    is a GPU, else of this process."""
    if device().type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        yield torch.cuda.max_memory_allocated
        return
    process, done = psutil.Process(), threading.Event()
    peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(MEASURE_EVERY):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: peak
    finally:
        done.set()
        watcher.join()
        peak = max(peak, process.memory_info().rss)
