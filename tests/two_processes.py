"""A few steps of the trainings that do not depend on the number of processes: `python -m tests.two_processes DATA OUT
BATCH`, under torch.distributed.run. `sharded` after it: of the one whose weights processes may share, resumed once.
"""

import os
import sys
from pathlib import Path

from accelerate import PartialState
from accelerate.utils import DistributedType

from training import train_alignment, train_diffusion, train_recognizer

TRAININGS = {
    "alignment": (train_alignment.main, ("--dropout", "0")),
    "diffusion": (train_diffusion.main, ()),
    "recognizer": (train_recognizer.main, ("--dropout", "0")),
}
STEPS = 3


def train(name: str, data: str, out: Path, batch_size: int, *more: str) -> None:
    main, flags = TRAININGS[name]
    main([
        "--preset", "tiny", "--data", data, "--batch_size", str(batch_size), "--max_steps", str(STEPS), "--save_every",
        "1", "--sample_every", "9", "--optimizer", "sgd", "--learning_rate", "0.1", "--lr_scheduler", "constant",
        "--mixed_precision", "no", "--report_to", "none", "--output_dir", str(out / name), "--weights_dir",
        str(out / f"{name}-weights"), *flags, *more,
    ])  # fmt: skip


def train_all(data: str, out: Path, batch_size: int) -> None:
    for name in TRAININGS:
        train(name, data, out, batch_size)


def share_weights(configuration: Path) -> None:
    """Let accelerate shard weights by `configuration`, which it does for GPUs only: the processors pass for some."""
    import yaml

    settings = yaml.safe_load(configuration.read_text())["fsdp_config"]
    os.environ["ACCELERATE_USE_FSDP"] = "true"
    os.environ |= {key.upper().replace("_LAYER_CLS", "_CLS"): str(value) for key, value in settings.items()}
    PartialState(cpu=True)
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU


if __name__ == "__main__":
    data, out, batch_size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if "sharded" in sys.argv:
        share_weights(Path("deploy/accelerate/sharded.yaml"))
        train("diffusion", data, out, batch_size, "--max_steps", str(STEPS - 1))
        train("diffusion", data, out, batch_size, "--resume")
    else:
        train_all(data, out, batch_size)
