"""The card of a model that was trained from the page: what its own files say, and nothing else."""

import json
import os
from pathlib import Path

from pipelines import checkpoint
from tabs.training_plans import Plan

CARD = "README.md"


def card(name: str, plan: Plan, facts: dict, model_hash: str, last: dict) -> str:
    """The text of a card. `facts` are those of training.json, `last` is the last line of progress."""
    losses = {key: value for key, value in last.items() if key not in ("step", "max_steps", "seconds", "lr")}
    rows = {
        "Model": plan.model,
        "Preset": plan.preset,
        "Trained on": f"{Path(plan.data).name}, {facts['num_training_pictures']} pictures",
        "Pictures that could not be read": facts["skipped"],
        "Steps": facts["steps"],
        "Minutes": facts["minutes"],
        "Seed": facts["config"]["seed"],
        "Hash of the weights": model_hash,
    }
    if losses:
        rows[f"Logged at step {last['step']}"] = _figures(losses)
    if facts.get("validation"):
        rows["On the validation pictures"] = _figures(facts["validation"])
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return (
        f"# {name}\n\nTrained from the Train tab of Tuwen. A small run: look at its samples before you trust it. The "
        f"terms of the pictures it was trained on apply.\n\n| | |\n|---|---|\n{table}\n\n"
        f"```\n{plan.shown()}\n```\n"
    )


def _figures(values: dict) -> str:
    return ", ".join(f"{key} {value:.4g}" for key, value in values.items() if isinstance(value, int | float))


def write(weights: Path, plan: Plan, lines: list[dict]) -> None:
    """Write the card beside the weights, once for each time that they are written."""
    path, weighed = weights / CARD, weights / checkpoint.CHECKSUMS
    if path.is_file() and path.stat().st_mtime >= weighed.stat().st_mtime:
        return
    facts = json.loads((weights / "training.json").read_text(encoding="utf-8"))
    facts = facts[-1] if isinstance(facts, list) else facts  # a captioner's card lists its stages
    text = card(weights.name, plan, facts, checkpoint.weights_hash(weights), lines[-1] if lines else {})
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
