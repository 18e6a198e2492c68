"""What a training would take: its own dry run and a count of its data, a process each, told in sentences."""

import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

import psutil

from pipelines.errors import InputError
from tabs.i18n import text
from tabs.training_plans import MODELS, ROOT, Plan
from tabs.training_progress import failure
from tabs.training_runs import folders_allowed

logger = logging.getLogger(__name__)
PARTS = ("generator", "discriminator", "unet", "captioner", "image_encoder", "recognizer")
BESIDE = 1.0  # gigabytes, as measured: Python, torch and a small batch


def forecast(plan: Plan) -> tuple[dict, dict]:
    """The dry run of a plan and the counts of its data. Raises InputError where it could not be trained."""
    with ThreadPoolExecutor(2) as pool:
        counted = pool.submit(_answer, [sys.executable, "-m", "training.counts", plan.data])
        dry_run = pool.submit(_answer, plan.command("--dry_run"))
    counts = counted.result()
    if "error" in counts:
        raise _named(InputError(counts["error"], **counts["values"]))
    model, name = MODELS[plan.model], Path(plan.data).name
    if model.captions and not counts["train"]:
        raise InputError("train_captions", name=name)
    if model.validation and not counts["validation"]:
        raise InputError("train_validation", name=name)
    return dry_run.result(), counts


def _named(error: InputError) -> InputError:
    """`error`, which may name folders of this computer; where strangers may come only the log has it."""
    if folders_allowed():
        return error
    logger.warning("%s", error)
    return InputError("train_refused_here")


def _answer(command: list[str]) -> dict:
    """The JSON that a command prints."""
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
    )  # fmt: skip
    try:
        return json.loads(done.stdout[done.stdout.index("{") :])
    except ValueError:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise _named(InputError("train_refused", line=failure(lines) or "?")) from None


def forecast_html(plan: Plan, dry_run: dict, counts: dict, language: str) -> str:
    """Data, networks, time and memory, a sentence each, and the command."""
    config, parameters = dry_run["config"], dry_run["parameters"]
    if not MODELS[plan.model].captions:  # every picture counts
        counts = counts | {split: counts[f"{split}_pictures"] for split in ("train", "validation")}
    named = [_part(name, number, language) for name, number in parameters.items()]
    said = [
        text("train.data", language, **counts),
        text("train.network", language, parts=" · ".join(named), batch=config["batch_size"]),
        _time(plan, config, language),
        _memory(dry_run, language),
    ]
    if size := config.get("image_size"):
        said.insert(2, text("train.size", language, size=size))
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    command = f'<div class="commands"><code>{escape(plan.shown())}</code></div>'
    return f'<div class="forecast"><ul>{sentences}</ul>{command}</div>'


def _part(name: str, number: int, language: str) -> str:
    called = text(f"train.part_{name}", language) if name in PARTS else name
    return text("train.parameters", language, name=called, millions=f"{number / 1e6:.1f}")


def _time(plan: Plan, config: dict, language: str) -> str:
    by_steps = "max_steps" in plan.flags
    return text("train.ends_by_steps" if by_steps else "train.ends_by_time", language, minutes=f"{plan.minutes:g}",
                steps=f"{config['max_steps']:,}")  # fmt: skip


def _memory(dry_run: dict, language: str) -> str:
    networks = sum(dry_run["memory_mb"].values())
    free = psutil.virtual_memory().available / 1e9
    key = "train.memory" if networks / 1e3 + BESIDE < free else "train.memory_short"
    return text(key, language, networks=f"{networks:,.0f}", beside=f"{BESIDE:g}", free=f"{free:.1f}")
