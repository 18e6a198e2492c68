"""What a measurement was made on."""

import platform
import time
from pathlib import Path

import torch

SIDE = 2048  # of the matrices whose product shows the processor's peak


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor()


def machine(dtype: torch.dtype) -> dict[str, str | int]:
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
    }


def peak_flops(dtype: torch.dtype, repeats: int = 10) -> float:
    """Operations a second of a large matrix product with this process's threads, the best of `repeats`."""
    a, b = torch.randn(2, SIDE, SIDE).to(dtype)
    a @ b
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(seconds)
