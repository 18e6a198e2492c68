"""Speed, memory and size of the shipped models: `make bench`. Prints a table and writes benchmarks/results.json.

Every time is the median of several calls after a warm-up; the goals are those that the project set itself.
"""

import json
import platform
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipelines import checkpoint, device
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.text_encoder import load_prompt_encoder
from pipelines.text_to_image.pipeline import load_text_to_image

RESULTS = Path(__file__).with_name("results.json")
PROMPT = "a yellow flower with a dark centre"


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor()


def measure() -> list[dict]:
    """Rows of {what, value, unit, goal}; a goal is an upper limit, or for a rate a lower one."""
    gan, encoder = load_text_to_image("gan"), load_prompt_encoder()
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8))
    encode = median_seconds(lambda: encoder([PROMPT]), 50)
    one = median_seconds(lambda: gan(PROMPT, seed=0), 30)
    sixteen = median_seconds(lambda: gan(PROMPT, seed=0, num_images=16), 10)
    rows = [
        {"what": "GAN, one picture", "value": 1000 * one, "unit": "ms", "goal": "≤ 40"},
        {"what": "GAN, a batch of 16", "value": 16 / sixteen, "unit": "pictures/s", "goal": "≥ 60"},
        {"what": "prompt encoding", "value": 1000 * encode, "unit": "ms", "goal": "≤ 5"},
    ]
    for name in ("lstm", "transformer"):
        captioner = load_captioner(name)
        seconds = median_seconds(lambda captioner=captioner: captioner([photo], num_beams=3), 20)
        rows.append({"what": f"caption, {name}, 3 beams", "value": 1000 * seconds, "unit": "ms", "goal": "≤ 60"})
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(p.stat().st_size for p in checkpoint.WEIGHTS.rglob("*.safetensors")) / 1e6
    rows.append({"what": "peak resident memory, all models loaded", "value": peak, "unit": "MB", "goal": "≤ 1200"})
    rows.append({"what": "all weights", "value": size, "unit": "MB", "goal": "≤ 80"})
    return rows


def main() -> None:
    rows = measure()
    machine = {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "dtype": str(device.dtype()).removeprefix("torch."),
        "torch": torch.__version__,
    }
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    print(" · ".join(f"{k} {v}" for k, v in machine.items()))
    for row in rows:
        print(f"{row['what']:<42}{row['value']:>10.1f} {row['unit']:<12}goal {row['goal']}")


if __name__ == "__main__":
    main()
