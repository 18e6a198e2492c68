"""A training that goes on from a finished checkpoint: its network, if it is of the kind that is trained."""

import json
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from torch import nn

from pipelines.errors import InputError

Network = TypeVar("Network", bound=nn.Module)


def load_initial(architecture: type[Network], folder: str | Path, **wanted) -> Network:
    """The network in `folder`, float32. Raises InputError where it is none, another one, or has other values of its
    configuration than `wanted`."""
    folder = Path(folder)
    path = folder / "config.json"
    if not path.is_file():
        raise InputError("init_missing", name=folder, path=path.name)
    kept = json.loads(path.read_text(encoding="utf-8"))
    found = kept.get("_class_name") or kept.get("architectures", ["?"])[0]  # diffusers' key and transformers'
    if found != architecture.__name__:
        raise InputError("init_differs", name=folder, found=found, wanted=architecture.__name__)
    try:
        network = architecture.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    except (OSError, RuntimeError, SafetensorError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InputError("init_unreadable", name=folder, reason=reason) from error
    for key, value in wanted.items():
        # a network's own property counts as well as an entry of its configuration
        of_network = getattr(network, key) if hasattr(type(network), key) else getattr(network.config, key)
        if of_network != value:
            raise InputError("init_differs", name=folder, found=f"{key} {of_network}", wanted=f"{key} {value}")
    if hasattr(network, "register_to_config"):  # of diffusers, which would write down where on this computer it lay
        network.register_to_config(_name_or_path=None)
    return network
