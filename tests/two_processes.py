"""A few steps of the trainings that do not depend on the number of processes: `python -m tests.two_processes DATA OUT
BATCH`, under torch.distributed.run."""

import sys
from pathlib import Path

from training import train_alignment, train_diffusion, train_recognizer

TRAININGS = {
    "alignment": (train_alignment.main, ("--dropout", "0")),
    "diffusion": (train_diffusion.main, ()),
    "recognizer": (train_recognizer.main, ("--dropout", "0")),
}


def train_all(data: str, out: Path, batch_size: int) -> None:
    for name, (main, flags) in TRAININGS.items():
        main([
            "--preset", "tiny", "--data", data, "--batch_size", str(batch_size), "--max_steps", "3", "--save_every",
            "1", "--sample_every", "9", "--optimizer", "sgd", "--learning_rate", "0.1", "--lr_scheduler", "constant",
            "--mixed_precision", "no", "--report_to", "none", "--output_dir", str(out / name), "--weights_dir",
            str(out / f"{name}-weights"), *flags,
        ])  # fmt: skip


if __name__ == "__main__":
    train_all(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
