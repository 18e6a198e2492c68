"""What can be trained from the page, and how: for each model its program and a table of presets, which are flags."""

import importlib.util
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines import checkpoint
from pipelines.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_SET = ROOT / "assets" / "sample-set"
DIGITS = "digits"  # training's name of a data set that comes with a package


@dataclass(frozen=True)
class Model:
    """A program of training/: the flags that all its presets share, the scalars worth a curve, the measures on held-out
    data, the tab that can use the result, and what it needs of a data set."""

    program: str
    flags: dict
    curves: tuple[str, ...]
    measures: tuple[str, ...] = ()
    opens: str = ""
    captions: bool = True
    validation: bool = False


CIDER_D = ("en_cider_d", "zh_cider_d")
MODELS = {
    "gan": Model("training.train_gan", {}, ("loss_d", "loss_g"), ("kid",), "create"),
    "diffusion": Model("training.train_diffusion", {}, ("loss",), ("kid",), "create"),
    "transformer": Model(
        "training.train_captioner", {"model": "transformer"}, ("loss",), CIDER_D, "describe", validation=True
    ),
    "lstm": Model("training.train_captioner", {"model": "lstm"}, ("loss",), CIDER_D, "describe", validation=True),
    "recognizer": Model("training.train_recognizer", {}, ("loss",), ("f1",), "recognize", validation=True),
    "mlp-gan": Model("training.train_mlp_gan", {}, ("loss_d", "loss_g"), (), "create", captions=False),
}
MINUTES = {"look": 2, "hour": 60, "long": 480, "tune": 60}
RHYTHM = {
    "look": {"log_every": 5, "sample_every": 10, "save_every": 500},
    "hour": {"log_every": 20, "sample_every": 200, "save_every": 200},
    "long": {"log_every": 50, "sample_every": 500, "save_every": 500},
    "tune": {"log_every": 10, "sample_every": 100, "save_every": 200},
}
_CAPTIONER = {
    "look": {
        "width": 128, "num_layers": 2, "batch_size": 16, "max_steps": 200, "min_count": 2, "num_validation": 12,
        "learning_rate": 1e-3, "lr_warmup_steps": 20, "sample_every": 50,
    },
    "hour": {"learning_rate": 7e-4, "lr_warmup_steps": 100, "max_steps": 1500, "num_validation": 100},
    "long": {"learning_rate": 7e-4, "lr_warmup_steps": 200, "max_steps": 6000},
    "tune": {
        "batch_size": 16, "learning_rate": 1e-4, "lr_warmup_steps": 20, "max_steps": 500, "num_validation": 50,
    },
}  # fmt: skip
PRESETS = {
    "gan": {
        "look": {"image_size": 32, "batch_size": 16, "num_validation": 64},
        "hour": {"image_size": 64, "batch_size": 16},
        "long": {"image_size": 128},
        "tune": {"image_size": 128, "batch_size": 16},
    },
    "diffusion": {
        "look": {
            "image_size": 32, "patch_size": 4, "batch_size": 32, "lr_warmup_steps": 20, "sample_steps": 8,
            "sample_every": 20, "num_validation": 32,
        },
        "hour": {"image_size": 64, "batch_size": 32, "lr_warmup_steps": 100},
        "long": {"image_size": 128, "batch_size": 32},
        "tune": {
            "preset": "adversarial", "image_size": 128, "batch_size": 16, "learning_rate": 1e-4, "lr_warmup_steps": 20,
        },
    },
    "transformer": _CAPTIONER,
    "lstm": _CAPTIONER,
    "recognizer": {
        "look": {
            "batch_size": 32, "max_steps": 300, "min_count": 5, "min_count_in_set": 5, "lr_warmup_steps": 20,
            "sample_every": 50,
        },
        "hour": {"max_steps": 1500, "min_count": 20, "min_count_in_set": 10},
        "long": {"max_steps": 6000, "min_count": 20, "min_count_in_set": 10},
    },
    "mlp-gan": {
        "look": {"log_every": 50, "sample_every": 250, "max_steps": 10_000},
        "hour": {"log_every": 200, "sample_every": 2000, "max_steps": 200_000},
    },
}  # fmt: skip


def sources(folders_allowed: bool) -> list[str]:
    """The kinds of data that can be chosen here."""
    digits = [DIGITS] if importlib.util.find_spec("sklearn") else []
    return ["sample", *digits, *(["folder"] if folders_allowed else [])]


@dataclass(frozen=True)
class Plan:
    """One training before it begins: what, on which data, with which flags, for how many minutes at most."""

    model: str
    preset: str
    data: str
    minutes: float
    flags: dict

    def command(self, *more: str) -> list[str]:
        """The command line, without the folders that it writes to."""
        flags = [word for name, value in self.flags.items() for word in (f"--{name}", str(value))]
        limits = ["--data", self.data, "--max_minutes", f"{self.minutes:g}"]
        curves = [] if importlib.util.find_spec("tensorboard") else ["--report_to", "none"]
        return [sys.executable, "-m", MODELS[self.model].program, *limits, *flags, *curves, *more]

    def shown(self) -> str:
        """The command line for people: folders by their names, since where they stand on one machine says nothing."""
        return shlex.join(["python", *(Path(word).name if "/" in word else word for word in self.command()[1:])])


def plan(model: str, preset: str, data: str) -> Plan:
    """The plan of a model's preset. Raises InputError where there is none."""
    if preset not in PRESETS.get(model, ()):
        raise InputError("train_preset", value=f"{model}, {preset}")
    flags = {**MODELS[model].flags, **RHYTHM[preset], "save_total_limit": 1, **PRESETS[model][preset]}
    if preset == "tune":
        flags["init_from"] = str(checkpoint.WEIGHTS / model)
    return Plan(model, preset, data, MINUTES[preset], flags)


def source(choice: str, typed: str, folders_allowed: bool) -> str:
    """What training reads: the sample set, the digits, or a folder of this computer that the visitor has typed.

    Raises InputError where there is no such folder, or where none may be named.
    """
    if choice in ("sample", DIGITS):
        return str(SAMPLE_SET) if choice == "sample" else DIGITS
    if not folders_allowed:
        raise InputError("train_folders_off")
    typed = (typed or "").strip().strip("\"'")
    if not typed:
        raise InputError("train_folder_unnamed")
    try:
        folder = Path(typed).expanduser()
    except RuntimeError:  # ~ of a user that there isn't
        folder = Path(typed)
    if not folder.is_dir():
        raise InputError("folder_missing", name=typed)
    return str(folder.resolve())
