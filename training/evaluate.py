"""Measure a shipped model and write its metric card: `python -m training.evaluate TASK --model NAME --data DIR...`, or
the captioners' peers: `python -m training.evaluate peers --data DIR...`. A card says N, split, seed, hashes of
model and data, versions, hardware and the command that makes it.
"""

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path

import torch
import transformers

from pipelines import checkpoint, device
from training.config import hardware, run_command
from training.data import DIGITS, read
from training.evaluate_alignment import evaluate_alignment
from training.evaluate_captions import evaluate_captions, evaluate_peers
from training.evaluate_digits import evaluate_digits
from training.evaluate_generation import evaluate_generation
from training.evaluate_recognition import evaluate_recognition

TASKS = {
    "alignment": evaluate_alignment,
    "captions": evaluate_captions,
    "digits": evaluate_digits,
    "generation": evaluate_generation,
    "peers": evaluate_peers,
    "recognition": evaluate_recognition,
}
OPTIONS = {"num_pictures": ("digits", "generation"), "num_beams": ("captions",)}  # and the tasks that have them


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--model", default="", help="a folder under weights/; peers have none")
    parser.add_argument("--data", nargs="+", required=True, help="captioned folders or Hub dataset ids")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--num_pictures", type=int, default=0, help="so many generated ones (2000; fewer get no FID)")
    parser.add_argument("--num_beams", type=int, default=0, help="of the captioners' search (3)")
    parser.add_argument("--out", type=Path, help="default: metrics.json beside the weights, weights/peers.json")
    args = parser.parse_args(arguments)
    if bool(args.model) == (args.task == "peers"):
        parser.error("--model names the model to measure, and peers have none")

    if args.out:  # now: what took hours to measure must not be lost for want of a folder
        args.out.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    more = {}
    for option, tasks in OPTIONS.items():
        if value := getattr(args, option):
            if args.task not in tasks:
                parser.error(f"--{option} goes with {' and '.join(tasks)}")
            more[option] = value
    figures = rounded(TASKS[args.task](args.model, args.data, args.split, args.seed, **more))
    if not device.processes().is_main_process:
        return
    folder = checkpoint.WEIGHTS / args.model
    model = {"model": args.model, "model_hash": checkpoint.weights_hash(folder)} if args.model else {}
    flags = f"{args.task} --model {args.model}" if args.model else args.task
    flags += "".join(f" --{option} {value}" for option, value in more.items())
    data = " ".join(source if source == DIGITS else f"DATA/{Path(source).name}" for source in args.data)
    card = {
        "task": args.task,
        **model,
        "split": args.split,
        "seed": args.seed,
        "data": {Path(source).name: data_hash(source, args.split) for source in args.data},
        "figures": figures,
        "command": f"python -m training.evaluate {flags} --split {args.split} --data {data}",
        "hardware": hardware(),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "minutes": round((time.perf_counter() - started) / 60, 1),
    }
    out = args.out or (folder / "metrics.json" if args.model else folder / "peers.json")
    out.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if args.model and not args.out:
        checkpoint.write_checksums(folder)
    json.dump(figures, sys.stdout, indent=1, ensure_ascii=False)
    print()


def data_hash(source: str, split: str) -> str:
    """A short name for exactly these pictures' names and captions: 12 hex digits of a SHA-256."""
    rows = sorted((r.name, *r.captions, *r.captions_zh) for r in read(source) if r.split == split)
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False).encode()).hexdigest()[:12]


def rounded(value):
    """Every number of a card with four decimals."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    run_command(main)
