"""The one device and dtype that inference uses, and the models that are loaded on it.

Devices are chosen by `accelerate`, so that a GPU is used where there is one. Models load at first use and are shared.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache

import torch
from accelerate import PartialState

LOCK = threading.RLock()  # one model call at a time: the device is one
_models: OrderedDict[str, object] = OrderedDict()


@cache
def device() -> torch.device:
    return PartialState().device


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


def get(name: str, load: Callable[[], object]) -> object:
    """The model called `name`, loaded by `load` at first use. A failed load leaves nothing behind."""
    with LOCK:
        if name not in _models:
            _models[name] = load()
        _models.move_to_end(name)
        return _models[name]


def unload(name: str) -> None:
    with LOCK:
        _models.pop(name, None)


def loaded() -> list[str]:
    """Names of the loaded models, least recently used first."""
    return list(_models)
