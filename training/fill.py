"""Missing captions, predicted by a captioner and marked so: `python -m training.fill FOLDER --captioner transformer`.
Only pictures that are trained on are filled. Under `accelerate launch` each process has its share.

A row gets `caption_source` "predicted by …" and `caption_confidence`, for Chinese `caption_zh_…`. The metadata as it
was stays beside the new one, as `metadata.jsonl.bak`.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipelines import device
from pipelines.batch import predicted_by
from pipelines.distributed import dealt_out
from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import LANGUAGES, CaptioningPipeline, load_captioner
from pipelines.images import open_image
from pipelines.numbers import real
from pipelines.outputs import CaptionOutput
from training import metadata
from training.data import as_captions, record

FIELDS = {"en": ("captions", "caption"), "zh": ("captions_zh", "caption_zh")}  # captions, and how their facts begin


@dataclass(frozen=True)
class Predicted:
    """A caption with its confidence, or the sentence that says why there is none."""

    caption: str = ""
    confidence: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class Filled:
    """What became of the rows without a caption: `filled`, `doubtful` (under the floor), `unreadable`, `held out`."""

    counts: dict[str, int]
    errors: list[str]


def fill(
    folder: Path, caption: CaptioningPipeline, language: str = "en", floor: float = 0.3, validation: bool = False,
    num_beams: int = 3,
) -> Filled:  # fmt: skip
    """Fill the captions in `language` that are missing in `folder`. Test pictures stay as they are, and those of
    validation unless asked for. Raises InputError."""
    floor = real(floor, "floor", 0, 1)
    if language not in LANGUAGES:
        raise InputError("language", value=language)
    path = metadata.find(folder)
    if path is None:
        raise InputError("metadata_missing", name=folder.name)
    rows = metadata.read_rows(path)
    splits = ("train", "validation") if validation else ("train",)
    missing = [k for k, row in enumerate(rows) if not captions_of(row, language)]
    images = {k: metadata.below(folder, rows[k]["file_name"]) for k in missing}
    chosen = [k for k in missing if record(rows[k], folder.name, images[k]).split in splits]

    def work(share: list[int]) -> list[Predicted]:
        return [predict(images[k]) for k in tqdm(share, unit=" pictures", disable=None)]

    def predict(path: Path) -> Predicted:
        try:
            image = open_image(path)
        except InputError as error:
            return Predicted(error=str(error))
        (output,) = caption([image], language=language, num_beams=num_beams)
        return Predicted(output.captions[0], confidence(output))

    source = predicted_by(caption.name)
    counts, errors = Counter({"held out": len(missing) - len(chosen)}), []
    field, fact = FIELDS[language]
    for k, found in zip(chosen, dealt_out(work, chosen), strict=True):
        if found.error:
            counts["unreadable"] += 1
            errors.append(found.error)
        elif found.confidence < floor or not found.caption:
            counts["doubtful"] += 1
        else:
            counts["filled"] += 1
            facts = {f"{fact}_source": source, f"{fact}_confidence": round(found.confidence, 4)}
            rows[k] = {**rows[k], field: [found.caption], **facts}
    if counts["filled"] and device.processes().is_main_process:
        backup = path.with_name(path.name + ".bak")
        if not backup.exists():  # a second filling must not replace the original
            metadata.write_whole(backup, path.read_bytes())
        metadata.write_whole(path, metadata.encode(rows, path.suffix))
    return Filled(dict(counts), errors)


def captions_of(row: dict, language: str) -> tuple[str, ...]:
    field, _ = FIELDS[language]
    return as_captions(row.get(field)) or (as_captions(row.get("text")) if language == "en" else ())


def confidence(output: CaptionOutput) -> float:
    """The geometric mean of the probabilities of the first caption's tokens: 0 where it has none."""
    probabilities = output.probabilities[0]
    return float(np.exp(np.mean(np.log(np.maximum(probabilities, 1e-9))))) if len(probabilities) else 0.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.fill", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with metadata, as training.prepare writes it")
    parser.add_argument("--captioner", default="transformer", help="lstm, transformer, a folder or a Hub id")
    parser.add_argument("--language", default="en", help="en or zh")
    parser.add_argument("--floor", type=float, default=0.3, help="captions of less confidence are left out")
    parser.add_argument("--num-beams", default=3, metavar="N")
    parser.add_argument(
        "--validation",
        action="store_true",
        help="fill validation pictures too, to be read by you: no model is measured with them as such",
    )
    args = parser.parse_args(arguments)
    try:
        filled = fill(
            args.folder, load_captioner(args.captioner), args.language, args.floor, args.validation, args.num_beams
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    if device.processes().is_main_process:
        for sentence in filled.errors[:20]:
            print(sentence, file=sys.stderr)
        print(", ".join(f"{number} {what}" for what, number in filled.counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
