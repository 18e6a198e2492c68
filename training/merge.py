"""The weighted mean of two checkpoints' weights, one of which was trained on from the other (model soups, Wortsman et
al. 2022): often better than both. `python -m training.merge FIRST SECOND --share 0.6 --out FOLDER`
"""

import argparse
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from pipelines import checkpoint
from pipelines.errors import InputError
from training.config import run_command

WEIGHTS = "model.safetensors"


def merge(first: Path, second: Path, share: float, out: Path) -> None:
    """Write `second` to `out`, its weights being (1 − share) · first + share · second. Raises InputError where the two
    are not of one architecture, or `out` holds files."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("out_taken", name=out.name)
    for folder in (first, second):
        checkpoint.verify(folder, folder.name)
    weights, others = load_file(second / WEIGHTS), load_file(first / WEIGHTS)
    if {k: x.shape for k, x in weights.items()} != {k: x.shape for k, x in others.items()}:
        raise InputError("init_differs", name=first, found="other weights", wanted=f"those of {second.name}")
    for name, x in weights.items():
        if x.is_floating_point():
            weights[name] = ((1 - share) * others[name].float() + share * x.float()).to(x.dtype)
    shutil.copytree(second, out, dirs_exist_ok=True)
    save_file(weights, out / WEIGHTS, metadata={"format": "pt"})
    stages = json.loads((out / "training.json").read_text())
    stages[-1]["merged"] = f"{1 - share:g} of the weights before this stage, {share:g} of those after it"
    (out / "training.json").write_text(json.dumps(stages, indent=1, ensure_ascii=False) + "\n")
    checkpoint.write_checksums(out)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.merge", description=__doc__)
    parser.add_argument("first", type=Path, help="a captioner's folder")
    parser.add_argument("second", type=Path, help="the folder of what was trained on from it")
    parser.add_argument("--share", type=float, default=0.5, help="of the second in the mean")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    args = parser.parse_args(arguments)
    merge(args.first, args.second, args.share, args.out)


if __name__ == "__main__":
    run_command(main)
