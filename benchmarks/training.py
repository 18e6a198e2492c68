"""How fast every model trains here: examples a second, the share of the processor's peak, and what a second process
adds. `python -m benchmarks.training`. Prints a table and writes benchmarks/training.json, where the trainers that
`--only` leaves out keep the rows they had.

Every run is the trainer's own command in a process of its own, with one thread, on the sample set that ships.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.machine import machine, peak_flops

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).with_name("training.json")
DATA = ("--data", str(ROOT / "assets/sample-set"))
QUIET = ("--log_every", "1", "--sample_every", "1000000", "--save_every", "1000000", "--report_to", "none")
# a trainer's module and its flags, at the size that ships
TRAINERS = {
    "text-encoder": (
        "training.train_text_encoder", *DATA, "--init_from", "weights/text-encoder", "--max_train_samples", "8000",
    ),
    "gan": ("training.train_gan", *DATA),
    "diffusion": ("training.train_diffusion", *DATA),
    "diffusion, with a discriminator": ("training.train_diffusion", *DATA, "--preset", "adversarial"),
    "mlp-gan": ("training.train_mlp_gan", "--data", "digits"),
    "transformer, CNN tuned": (
        "training.train_captioner", *DATA, "--model", "transformer", "--preset", "finetune", "--init_from",
        "weights/transformer",
    ),
    "lstm, CNN tuned": (
        "training.train_captioner", *DATA, "--model", "lstm", "--preset", "finetune", "--init_from", "weights/lstm",
    ),
    "alignment": ("training.train_alignment", *DATA),
    "recognizer": ("training.train_recognizer", *DATA, "--min_count", "5", "--min_count_in_set", "5"),
}  # fmt: skip
FIRST, LAST = 2, 6  # steps between which time is taken: the first ones allocate
QUICK = {"mlp-gan": 300, "recognizer": 300, "alignment": 30, "text-encoder": 30}  # the last step where steps are short
# runs a trainer under PyTorch's counter of operations, and prints what it counted
COUNT = (
    "import sys, importlib; from torch.utils.flop_counter import FlopCounterMode\n"
    "counter = FlopCounterMode(display=False)\n"
    "with counter: importlib.import_module(sys.argv[1]).main(sys.argv[2:])\n"
    "print(counter.get_total_flops())"
)


def run(command: list[str]) -> str:
    """What the command prints last. Raises RuntimeError with its errors."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return done.stdout.strip().rpartition("\n")[2]


def trained(trainer: tuple[str, ...], folder: Path, steps: int, launcher: list[str]) -> str:
    module, *flags = trainer
    folders = ["--output_dir", str(folder / "run"), "--weights_dir", str(folder / "weights")]
    return run([sys.executable, *launcher, module, *flags, *QUIET, *folders, "--max_steps", str(steps)])


def rate(name: str, num_processes: int) -> float:
    """Examples a second of all processes together."""
    last = QUICK.get(name, LAST)
    distributed = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(num_processes)]
    with tempfile.TemporaryDirectory() as folder:
        trained(TRAINERS[name], Path(folder), last, [*(distributed if num_processes > 1 else []), "-m"])
        lines = [json.loads(line) for line in (Path(folder) / "run/progress.jsonl").read_text().splitlines()]
    at = {line["step"]: line for line in lines}
    return (at[last]["examples"] - at[FIRST]["examples"]) / (at[last]["seconds"] - at[FIRST]["seconds"])


def flops_a_example(trainer: tuple[str, ...]) -> float:
    """Operations that one more step takes, for each of its examples: two runs apart by a step."""
    counted = []
    for steps in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            counted.append(int(trained(trainer, Path(folder), steps, ["-c", COUNT])))
            (last,) = (Path(folder) / "run/progress.jsonl").read_text().splitlines()[-1:]
    return (counted[1] - counted[0]) * 2 / json.loads(last)["examples"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--only", choices=TRAINERS, nargs="+", default=list(TRAINERS), help="these trainers")
    names = parser.parse_args().only
    torch.set_num_threads(1)
    rows = {row["what"]: row for row in json.loads(RESULTS.read_text())["rows"]} if RESULTS.is_file() else {}
    print(f"{'':<33}{'peak of one':>12}{'1 process':>12}{'of peak':>10}{'2 processes':>14}")
    for name in names:
        peak = peak_flops(torch.bfloat16)  # beside each, since a shared machine is not as fast at all times
        one, two = (rate(name, n) for n in (1, 2))
        share = flops_a_example(TRAINERS[name]) * one / peak
        on = {**machine(torch.bfloat16), "peak_gflops": peak / 1e9}
        figures = {"examples_per_second": one, "share_of_peak": share, "with_two_processes": two / one}
        rows[name] = {"what": name, **figures, "machine": on}
        print(f"{name:<33}{peak / 1e9:>12.0f}{one:>10.1f}/s{share:>10.1%}{two / one:>13.2f}×", flush=True)
        kept = [rows[trainer] for trainer in TRAINERS if trainer in rows]
        RESULTS.write_text(json.dumps({"rows": kept}, indent=1) + "\n")  # each, since the whole takes its time


if __name__ == "__main__":
    main()
