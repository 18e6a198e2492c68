"""Measure a shipped model and write its metric card: `python -m training.evaluate captions|generation --model NAME
--data DIR...`. A card says N, split, seed, model hash, versions, hardware and the command that makes it.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

import torch
import transformers

from pipelines import checkpoint
from training.evaluate_captions import evaluate_captions
from training.evaluate_generation import evaluate_generation

TASKS = {"captions": evaluate_captions, "generation": evaluate_generation}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--model", required=True, help="a folder under weights/")
    parser.add_argument("--data", nargs="+", required=True, help="captioned folders or Hub dataset ids")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: metrics.json beside the weights")
    args = parser.parse_args(arguments)

    started = time.perf_counter()
    figures = TASKS[args.task](args.model, args.data, args.split, args.seed)
    folder = checkpoint.WEIGHTS / args.model
    data = " ".join(f"DATA/{Path(source).name}" for source in args.data)
    card = {
        "task": args.task,
        "model": args.model,
        "model_hash": checkpoint.weights_hash(folder),
        "split": args.split,
        "seed": args.seed,
        "figures": figures,
        "command": f"python -m training.evaluate {args.task} --model {args.model} --split {args.split} --data {data}",
        "hardware": f"{os.cpu_count()} CPU cores, {platform.machine()}",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    out = args.out or folder / "metrics.json"
    out.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not args.out:
        checkpoint.write_checksums(folder)
    json.dump(figures, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
