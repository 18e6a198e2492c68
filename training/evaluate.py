"""Measure a shipped model and write its metric card: `python -m training.evaluate captions|generation|alignment --model
NAME --data DIR...`, or the captioners' peers: `python -m training.evaluate peers --data DIR...`. A card says N, split,
seed, model hash, versions, hardware and the command that makes it.
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
from training.evaluate_alignment import evaluate_alignment
from training.evaluate_captions import evaluate_captions, evaluate_peers
from training.evaluate_generation import evaluate_generation

TASKS = {
    "alignment": evaluate_alignment,
    "captions": evaluate_captions,
    "generation": evaluate_generation,
    "peers": evaluate_peers,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--model", default="", help="a folder under weights/; peers have none")
    parser.add_argument("--data", nargs="+", required=True, help="captioned folders or Hub dataset ids")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="default: metrics.json beside the weights, weights/peers.json")
    args = parser.parse_args(arguments)
    if bool(args.model) == (args.task == "peers"):
        parser.error("--model names the model to measure, and peers have none")

    started = time.perf_counter()
    figures = rounded(TASKS[args.task](args.model, args.data, args.split, args.seed))
    folder = checkpoint.WEIGHTS / args.model
    model = {"model": args.model, "model_hash": checkpoint.weights_hash(folder)} if args.model else {}
    flags = f"{args.task} --model {args.model}" if args.model else args.task
    data = " ".join(f"DATA/{Path(source).name}" for source in args.data)
    card = {
        "task": args.task,
        **model,
        "split": args.split,
        "seed": args.seed,
        "figures": figures,
        "command": f"python -m training.evaluate {flags} --split {args.split} --data {data}",
        "hardware": f"{os.cpu_count()} CPU cores, {platform.machine()}",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    out = args.out or (folder / "metrics.json" if args.model else folder / "peers.json")
    out.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if args.model and not args.out:
        checkpoint.write_checksums(folder)
    json.dump(figures, sys.stdout, indent=1, ensure_ascii=False)
    print()


def rounded(value):
    """Every number of a card with four decimals."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
