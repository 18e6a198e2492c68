"""One page of HTML that shows a captioned folder or Hub dataset as training sees it, with advice: nothing is fetched
from elsewhere. `python -m training.report FOLDER --out report.html`; `--json` prints the figures instead.
"""

import argparse
import base64
import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

from jinja2 import Environment
from PIL import Image

from pipelines.errors import InputError
from pipelines.images import center_square, grid, open_image
from pipelines.outputs import public_name
from training.advice import advise, percent
from training.data import Record, read
from training.duplicates import MAX_BITS
from training.metadata import write_whole
from training.picture_survey import Survey, survey

TEMPLATE = Path(__file__).with_suffix(".html")
SHEET_COLUMNS, SHEET_ROWS, CELL = 12, 5, 80
MAX_GROUPS, MAX_OF_GROUP = 10, 6
MAX_BARS = 30


def page(figures: Survey, records: list[Record], source: str, max_bits: int = MAX_BITS) -> str:
    """The report of `figures` and the readable `records` they are of. Every value is escaped."""
    by_name = {record.name: record for record in records}
    step = max(1, -(-len(records) // (SHEET_COLUMNS * SHEET_ROWS)))
    shown = records[::step]
    cells = [center_square(open_image(record.image, record.name), CELL) for record in shown]
    captions = figures.captions
    told = captions.num_english + captions.num_chinese
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    return template.render(
        name=public_name(source), survey=figures, captions=captions, advice=advise(figures, source), max_bits=max_bits,
        sheet=embedded(grid(cells, SHEET_COLUMNS)), num_shown=len(shown),
        leaks=drawn(figures.leaks, by_name), exact=drawn(figures.exact, by_name), near=drawn(figures.near, by_name),
        english_share=percent(captions.num_english, told or 1), chinese_share=percent(captions.num_chinese, told or 1),
        english_lengths=chart(captions.lengths["en"]), chinese_lengths=chart(captions.lengths["zh"]),
    )  # fmt: skip


def embedded(image: Image.Image) -> str:
    """`image` as a data URL."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=75)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def drawn(groups: list[list[str]], records: dict[str, Record]) -> list[dict]:
    """The first groups with small pictures, for the page."""
    rows = []
    for group in groups[:MAX_GROUPS]:
        members = [records[name] for name in group[:MAX_OF_GROUP]]
        shown = []
        for record in members:
            image = open_image(record.image, record.name)
            image.thumbnail((112, 80))
            shown.append({"name": record.name, "split": record.split, "picture": embedded(image)})
        rows.append({"shown": shown, "more": len(group) - len(members)})
    return rows


def chart(counts: dict[int, int]) -> dict:
    """Bars and ticks of a histogram in a box of 480 × 125, lengths joined where there are many."""
    if not counts:
        return {"bars": [], "ticks": []}
    width = -(-(max(counts) + 1) // MAX_BARS)
    bins = [0] * (max(counts) // width + 1)
    for length, n in counts.items():
        bins[length // width] += n
    pitch = 480 / len(bins)
    bars, ticks = [], []
    for k, n in enumerate(bins):
        label = str(k * width) if width == 1 else f"{k * width}–{k * width + width - 1}"
        box = {"x": round(k * pitch + 1, 1), "width": round(pitch - 2, 1), "height": round(115 * n / max(bins), 1)}
        bars.append({**box, "title": f"{label}: {n:,}"})
        if k % max(1, len(bins) // 6) == 0:
            ticks.append({"x": round((k + 0.5) * pitch, 1), "label": label})
    return {"bars": bars, "ticks": ticks}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.report", description=__doc__)
    parser.add_argument("data", metavar="FOLDER", help="a captioned folder or a Hub dataset id")
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE")
    parser.add_argument("--threshold", type=int, default=MAX_BITS, metavar="BITS",
                        help="of 64 that near duplicates may differ in")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the figures and the advice, write no page")
    args = parser.parse_args(arguments)
    try:
        figures, records = survey(read(args.data), args.threshold)
        if args.json:
            advice = [asdict(one) for one in advise(figures, args.data)]
            print(json.dumps({**asdict(figures), "advice": advice}, ensure_ascii=False))
        else:
            write_whole(args.out, page(figures, records, args.data, args.threshold).encode())
            for one in advise(figures, args.data):
                print(one.sentence)
            print(args.out)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
