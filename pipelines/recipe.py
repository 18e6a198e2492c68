"""What made a picture, kept inside it: as AUTOMATIC1111's `parameters` text, which many programs read, and as JSON,
which is exact. PNG text only; nothing of it is ever run.
"""

import io
import json
import re
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from pipelines.errors import InputError
from pipelines.outputs import TextToImageOutput

PARAMETERS, EXACT = "parameters", "tuwen"  # keywords of the text chunks
PACKAGES = ("torch", "diffusers", "transformers")
SETTINGS = ("negative_prompt", "guidance_scale", "num_inference_steps", "scheduler", "size")
LABELS = {"Steps": "num_inference_steps", "Sampler": "scheduler", "CFG scale": "guidance_scale", "Size": "size"}
MAX_TEXT = 20_000  # characters; what is longer was not written here


@dataclass(frozen=True)
class Recipe:
    """All that decides a picture. Empty is what another program's picture does not tell."""

    prompt: str
    seed: int
    model: str
    settings: dict = field(default_factory=dict)
    model_hash: str = ""
    dtype: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """The `parameters` text: prompt, negative prompt, and one line of settings."""
        lines = [self.prompt]
        if negative := self.settings.get("negative_prompt"):
            lines.append(f"Negative prompt: {negative}")
        said = {label: self.settings.get(name) for label, name in LABELS.items()}
        said |= {"Seed": self.seed, "Model": self.model, "Model hash": self.model_hash}
        lines.append(", ".join(f"{label}: {value}" for label, value in said.items() if value not in (None, "")))
        return "\n".join(lines)


def recipes(output: TextToImageOutput) -> list[Recipe]:
    """The recipe of each picture of a run."""
    from pipelines import device

    settings = {name: output.settings[name] for name in SETTINGS if output.settings.get(name) not in (None, "")}
    dtype = str(device.dtype()).removeprefix("torch.")
    versions = {name: version(name) for name in PACKAGES}
    facts = (output.model, settings, output.model_hash, dtype, versions)
    return [Recipe(output.settings["prompt"], seed, *facts) for seed in output.seeds]


def inscribe(image: Image.Image, recipe: Recipe) -> Image.Image:
    """The picture with its recipe in `info`, from where `save` and Gradio write it into a PNG."""
    inscribed = image.copy()
    inscribed.info = {PARAMETERS: str(recipe), EXACT: json.dumps(asdict(recipe), ensure_ascii=False)}
    return inscribed


def encoded(image: Image.Image) -> bytes:
    """The picture as a PNG, with whatever text it holds."""
    text, buffer = PngInfo(), io.BytesIO()
    for key, value in image.info.items():
        text.add_itxt(key, value)
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def read(path: str | Path) -> Recipe:
    """The recipe inside a picture's file. Raises InputError where there is none, or where it is not one."""
    name = Path(path).name
    try:
        with Image.open(path) as image:
            info = dict(image.info)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        raise InputError("image_unreadable", name=name) from None
    exact, parameters = (text if isinstance(text := info.get(key), str) else "" for key in (EXACT, PARAMETERS))
    if not exact and not parameters:
        raise InputError("recipe_missing", name=name)
    try:
        if max(len(exact), len(parameters)) > MAX_TEXT:
            raise ValueError
        return checked(json.loads(exact) if exact else parse(parameters))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InputError("recipe_broken", name=name) from None


def checked(facts: dict) -> Recipe:
    """A recipe of the right kinds, or ValueError: a file can say anything. Whether the model has such settings, and
    whether numbers are in range, is checked by the call that makes the picture."""
    texts = [facts[name] for name in ("prompt", "model")] + [facts.get(name, "") for name in ("model_hash", "dtype")]
    settings, versions = facts.get("settings", {}), facts.get("versions", {})
    known = {name: settings[name] for name in SETTINGS if name in settings}
    plain = all(isinstance(value, str | int | float) for value in [*known.values(), *versions.values()])
    if not (all(isinstance(text, str) for text in texts) and isinstance(facts["seed"], int) and plain):
        raise ValueError
    return Recipe(texts[0], facts["seed"], texts[1], known, *texts[2:], versions)


def parse(parameters: str) -> dict:
    """AUTOMATIC1111's text as the facts of a recipe."""
    *lines, last = parameters.strip().splitlines()
    said = dict(re.findall(r"\s*([A-Z][\w ]*):\s*([^,]+)(?:,|$)", last))
    words, _, negative = "\n".join(lines).partition("Negative prompt:")
    settings = {name: said[label].strip() for label, name in LABELS.items() if label in said and label != "Size"}
    if negative.strip():
        settings["negative_prompt"] = negative.strip()
    facts = {"prompt": words.strip(), "seed": int(said["Seed"]), "model": said.get("Model", "").strip()}
    return {**facts, "settings": settings, "model_hash": said.get("Model hash", "").strip()}


def difference(first: Image.Image, second: Image.Image) -> float:
    """The mean absolute difference of two pictures' values, 0…255; pictures of different sizes differ by all of it."""
    if first.size != second.size:
        return 255.0
    pixels = (np.asarray(image.convert("RGB"), dtype=np.float32) for image in (first, second))
    return float(np.abs(next(pixels) - next(pixels)).mean())


def first_change(old: Recipe, new: Recipe) -> tuple[str, object, object] | None:
    """The first thing that two recipes do not share, as (name, old, new); what the old one leaves out is no change."""
    for name in ("prompt", "seed", "model", "model_hash", "dtype"):
        before, after = getattr(old, name), getattr(new, name)
        if before != "" and before != after:
            return name, before, after
    for table in ("settings", "versions"):
        before, after = getattr(old, table), getattr(new, table)
        for name, value in before.items():
            if value != after.get(name):
                return name, value, after.get(name)
    return None
