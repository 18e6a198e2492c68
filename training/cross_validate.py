"""K-fold cross-validation of a trainer: `python -m training.cross_validate recognizer --folds 5 --data DIR... [its
flags]`. Every picture that is not test is validated on once, by a model that has not seen it.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, stdev

from accelerate.utils import gather_object

from pipelines import device
from pipelines.errors import InputError
from training import train_alignment, train_captioner, train_recognizer
from training.config import run_command
from training.loop import note_termination

TRAINERS = {
    "alignment": train_alignment.main,
    "captioner": train_captioner.main,
    "recognizer": train_recognizer.main,
}
# the recognizer's thresholds are the best ones for the very part that is scored: what they decide would flatter
KEPT = {"recognizer": ("map", "num_concepts")}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.cross_validate", description=__doc__)
    parser.add_argument("trainer", choices=sorted(TRAINERS))
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/cross-validation"), help="folder of runs and figures")
    args, flags = parser.parse_known_args(arguments)

    figures, processes, came = [], device.processes(), note_termination()
    for fold in range(args.folds):
        folder = args.out / f"{args.trainer}-{fold}"
        TRAINERS[args.trainer]([
            *flags, "--folds", str(args.folds), "--fold", str(fold), "--output_dir", str(folder),
            "--weights_dir", str(folder / "weights"),
        ])  # fmt: skip
        if any(gather_object([bool(came)])):
            raise InputError("folds_stopped", fold=fold, folds=args.folds)
        processes.wait_for_everyone()  # the first one writes the weights and what is read here
        facts = json.loads((folder / "weights" / "training.json").read_text(encoding="utf-8"))
        found = (facts[-1] if isinstance(facts, list) else facts)["validation"]
        figures.append({name: found[name] for name in KEPT.get(args.trainer, found) if name in found})
    if not processes.is_main_process:
        return

    numbers = [{name for name, value in f.items() if isinstance(value, int | float)} for f in figures]
    shared = [name for name in figures[0] if name in set.intersection(*numbers)]
    summary = {
        name: {"mean": round(mean(f[name] for f in figures), 4), "deviation": round(stdev(f[name] for f in figures), 4)}
        for name in shared
    }
    card = {"trainer": args.trainer, "folds": args.folds, "figures": summary, "of_each": figures}
    (args.out / f"{args.trainer}.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    json.dump(summary, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    run_command(main)
