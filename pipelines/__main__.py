"""The command line: `python -m pipelines generate | caption | recognize | align | roundtrip`. Results on stdout, the
rest on stderr."""

import argparse
import json
import sys
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory

from tqdm import tqdm

from pipelines import device, image_captioning, recognition, text_to_image
from pipelines.alignment import load_aligner
from pipelines.answers import caption_answer, recognition_answer, scores_answer, trip_answer
from pipelines.batch import EXISTING, FORMATS, Row, collect, describe_all, export
from pipelines.clip import load_clip
from pipelines.distributed import dealt_out
from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import CaptioningPipeline, load_captioner
from pipelines.images import open_image
from pipelines.outputs import short_name
from pipelines.ranking import best_first
from pipelines.recipe import encoded, inscribe, recipes
from pipelines.round_trip import round_trip
from pipelines.text_to_image.pipeline import FOLLOW_WORDS, load_text_to_image


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    generate = commands.add_parser("generate", help="words → pictures")
    generate.add_argument("prompt", help="English or Chinese")
    generators = ", ".join(text_to_image.pipeline.BUILT_IN)
    generate.add_argument("--model", default="gan", help=f"{generators}, a folder or a Hub id")
    generate.add_argument("--num-images", default=1, metavar="N")
    generate.add_argument("--seed", default=None, help="of the first picture; the next ones count on (default: random)")
    generate.add_argument("--num-inference-steps", metavar="N", help="of diffusion models (default: the model's own)")
    generate.add_argument("--guidance-scale", metavar="W", help="how closely to follow the words; 1 is none")
    generate.add_argument("--negative-prompt", metavar="WORDS", help="what to keep away from")
    generate.add_argument("--scheduler", help="euler or heun, of the model diffusion")
    generate.add_argument("--size", metavar="PIXELS", help="of pretrained pipelines (default: the model's own)")
    generate.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="folder for the pictures")
    generate.add_argument("--best-first", action="store_true", help="the best match with the prompt first, with scores")
    generate.add_argument("--no-recipe", action="store_true", help="keep prompt, seed and settings out of the files")
    generate.set_defaults(run=run_generate)

    caption = commands.add_parser("caption", help="pictures → words")
    caption.add_argument("files", nargs="+", metavar="FILE", help="pictures; with --export also folders and zips")
    captioners = ", ".join(image_captioning.pipeline.BUILT_IN)
    caption.add_argument("--model", default="transformer", help=f"{captioners}, a folder or a Hub id")
    caption.add_argument("--language", default="en", help="en or zh")
    caption.add_argument("--num-beams", default=3, metavar="N")
    caption.add_argument("--num-captions", default=1, metavar="N")
    caption.add_argument("--top-p", metavar="P", help="nucleus sampling instead of beams, 0.9 for example")
    caption.add_argument("--seed", default=0, help="of the sampling")
    caption.add_argument("--export", metavar="FORMAT", help=f"write all captions to one file: {', '.join(FORMATS)}")
    caption.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="folder for the exported file")
    caption.add_argument("--existing", default="skip", help=f"captions in text files beside: {', '.join(EXISTING)}")
    caption.set_defaults(run=run_caption)

    recognize = commands.add_parser("recognize", help="objects, attributes and actions in pictures")
    recognize.add_argument("files", nargs="+", metavar="FILE")
    recognize.add_argument("--model", default=recognition.BUILT_IN, help=f"{recognition.BUILT_IN} or a folder")
    recognize.set_defaults(run=run_recognize)

    align = commands.add_parser("align", help="how well do picture and words match?")
    align.add_argument("files", nargs=1, metavar="FILE")
    align.add_argument("texts", nargs="+", metavar="TEXT", help="English or Chinese")
    align.add_argument("--clip", metavar="NAME", help="CLIP scores beside ours: a folder or a Hub id of a CLIP model")
    align.set_defaults(run=run_align)

    trip = commands.add_parser("roundtrip", help="words → pictures → words, scored")
    trip.add_argument("prompt", help="English or Chinese")
    trip.add_argument("--model", default="gan", help=f"{', '.join(FOLLOW_WORDS)}, a folder or a Hub id")
    trip.add_argument("--captioner", default="transformer", help=f"{captioners}, a folder or a Hub id")
    trip.add_argument("--num-images", default=4, metavar="N")
    trip.add_argument("--num-loops", default=1, metavar="N")
    trip.add_argument("--seed", default=None, help="of the first picture (default: random)")
    trip.set_defaults(run=run_round_trip)

    for command in (generate, caption, recognize, align, trip):
        command.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    return parser


def run_generate(args: argparse.Namespace) -> int:
    if args.out.is_file():
        raise InputError("out_file", name=args.out)
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(args, name) for name in SETTINGS}
    pipeline = load_text_to_image(args.model)
    output = pipeline(args.prompt, num_images=args.num_images, seed=args.seed, **settings)
    judged = []
    if args.best_first:
        output, judged = best_first(output)
    paths = [unused(args.out / f"{short_name(output.model)}-{seed}.png") for seed in output.seeds]
    for image, path, recipe in zip(output.images, paths, recipes(output), strict=True):
        path.write_bytes(encoded(image if args.no_recipe else inscribe(image, recipe)))
    result = {
        "images": [str(path) for path in paths],
        "seeds": output.seeds,
        "matches": [round(one.match, 4) for one in judged],
        "model": output.model,
        "seconds": round(output.seconds, 4),
        "follows_words": output.follows_words,
        "settings": {name: output.settings[name] for name in SETTINGS if name in output.settings},
    }
    if not output.follows_words:
        print(WORDLESS.format(model=output.model), file=sys.stderr)
    show(args, result, "\n".join(result["images"]))
    return 0


def unused(path: Path) -> Path:
    """`path`, or with a number behind its name where a file lies there, so that no picture is lost."""
    numbered = (path.with_stem(f"{path.stem}-{k}") for k in count(2))
    return next(name for name in chain([path], numbered) if not name.exists())


def run_caption(args: argparse.Namespace) -> int:
    captioner = load_captioner(args.model)
    if args.export:
        return export_captions(args, captioner)

    def result_of(file: str) -> tuple[dict, str]:
        (output,) = captioner([open_image(file)], language=args.language, **decoding(args))
        return caption_answer(output), " | ".join(output.captions)

    return for_each(args, result_of)


def decoding(args: argparse.Namespace) -> dict:
    return {"num_beams": args.num_beams, "num_captions": args.num_captions, "top_p": args.top_p, "seed": args.seed}


def export_captions(args: argparse.Namespace, captioner: CaptioningPipeline) -> int:
    """Describe all pictures of files, folders and zips, and write one file; under `accelerate launch` each process has
    its share. 1 where a picture could not be read, else 0."""

    def work(rows: list[Row]) -> list[Row]:
        bar = tqdm(total=len(rows), unit="pictures")
        return describe_all(
            rows, [captioner], language=args.language, existing=args.existing, on_picture=lambda _: bar.update(),
            **decoding(args),
        )  # fmt: skip

    with TemporaryDirectory() as folder:
        rows = dealt_out(work, collect(args.files, Path(folder), limit=sys.maxsize))
    if device.processes().is_main_process:
        path = export(rows, args.export, args.out, args.language)
        failed = {row.name: row.error for row in rows if row.error}
        for name, error in failed.items():
            print(f"{name}: {error}", file=sys.stderr)
        result = {"file": str(path), "pictures": len(rows), "failed": failed, "model": captioner.name}
        show(args, result, str(path))
    return int(any(row.error for row in rows))


def for_each(args: argparse.Namespace, result_of: Callable[[str], tuple[dict, str]]) -> int:
    """Show what `result_of` says of each file, as an object and as text; 1 where a file could not be read, else 0."""
    status = 0
    for file in args.files:
        try:
            result, text = result_of(file)
        except InputError as error:
            if error.code not in UNREADABLE:
                raise
            status = 1
            print(f"{file}: {error}", file=sys.stderr)
            if args.json:
                print(json.dumps({"file": file, "error": str(error)}, ensure_ascii=False), flush=True)
            continue
        show(args, {"file": file, **result}, f"{file}: {text}")
    return status


def run_recognize(args: argparse.Namespace) -> int:
    recognize = recognition.load_recognizer(args.model)

    def result_of(file: str) -> tuple[dict, str]:
        (found,) = recognize([open_image(file)])
        recognised = [c.en for c in found.concepts if c.recognised]
        return recognition_answer(found), ", ".join(recognised) or "–"

    return for_each(args, result_of)


def run_align(args: argparse.Namespace) -> int:
    (file,) = args.files
    image = open_image(file)
    judges = {"scores": load_aligner()} | ({"clip_scores": load_clip(args.clip)} if args.clip else {})
    result = {}
    for name, judge in judges.items():
        result[name] = scores_answer(args.texts, judge([image], args.texts)[0].tolist())
    lines = ("  ".join(f"{scores[text]:.2f}" for scores in result.values()) + f"  {text}" for text in args.texts)
    show(args, {"file": file, **result}, "\n".join(lines))
    return 0


def run_round_trip(args: argparse.Namespace) -> int:
    trip = round_trip(
        args.prompt, load_text_to_image(args.model), load_captioner(args.captioner), load_aligner(),
        recognition.load_recognizer(), num_images=args.num_images, num_loops=args.num_loops, seed=args.seed,
    )  # fmt: skip
    legs = [leg for legs in trip.loops for leg in legs]
    lines = (f"{leg.matches_prompt:.2f}  {leg.prompt} → {leg.caption}" for leg in legs)
    show(args, trip_answer(trip), "\n".join(lines))
    return 0


SETTINGS = ("num_inference_steps", "guidance_scale", "negative_prompt", "scheduler", "size")
WORDLESS = "{model} is a lesson that no words reach: whatever they say, it draws what it was trained on."
UNREADABLE = {"file_missing", "image_empty", "image_large", "image_unreadable"}


def show(args: argparse.Namespace, result: dict, text: str) -> None:
    print(json.dumps(result, ensure_ascii=False) if args.json else text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    args = build_parser().parse_args(arguments)
    try:
        return args.run(args)
    except InputError as error:
        print(error, file=sys.stderr)
        if args.json:
            print(json.dumps({"error": str(error)}, ensure_ascii=False))
        return 2


if __name__ == "__main__":
    sys.exit(main())
