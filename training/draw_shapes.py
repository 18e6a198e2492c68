"""The sample set that ships: 96 drawn flowers, stars, leaves and the like, with captions that name colour and shape in
English and Chinese. `python -m training.draw_shapes` draws `assets/sample-set` anew, the same every time.
"""

import argparse
import io
import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipelines.images import open_image
from training.duplicates import MAX_BITS, fingerprint
from training.metadata import encode, write_whole
from training.splits import assign

SAMPLE_SET = Path(__file__).resolve().parent.parent / "assets" / "sample-set"
SIDE, OVERSAMPLING = 64, 8  # drawn large and made small, which smooths the edges
OF_EACH = 8
SOURCE = "authored with the drawing"

Colour = tuple[int, int, int]
Points = list[tuple[float, float]]
COLOURS: dict[str, tuple[str, Colour]] = {
    "red": ("红色", (214, 48, 49)), "orange": ("橙色", (240, 132, 38)), "yellow": ("黄色", (248, 205, 50)),
    "green": ("绿色", (64, 158, 84)), "blue": ("蓝色", (52, 104, 208)), "purple": ("紫色", (136, 78, 184)),
    "pink": ("粉色", (241, 138, 172)), "white": ("白色", (250, 249, 246)), "brown": ("棕色", (134, 88, 54)),
    "black": ("黑色", (44, 44, 50)),
}  # fmt: skip
BACKGROUNDS: dict[str, tuple[str, Colour]] = {
    "light blue": ("浅蓝色", (190, 222, 243)), "dark blue": ("深蓝色", (30, 44, 84)),
    "cream": ("奶油色", (250, 240, 214)), "light green": ("浅绿色", (206, 232, 200)),
    "gray": ("灰色", (150, 154, 160)), "light pink": ("浅粉色", (252, 222, 228)),
    "white": ("白色", (255, 255, 255)), "dark green": ("深绿色", (28, 66, 48)),
    "lavender": ("淡紫色", (220, 212, 242)),
}
CONTRAST = 190  # the least sum of differences between a colour and its background


class Pen:
    """Draws what is given in the unit disc, y upwards, turned by `angle` and moved into its place."""

    def __init__(self, draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, angle: float):
        self.draw, self.centre, self.radius = draw, centre, radius
        self.cosine, self.sine = math.cos(angle), math.sin(angle)

    def place(self, x: float, y: float) -> tuple[float, float]:
        turned = x * self.cosine - y * self.sine, x * self.sine + y * self.cosine
        return self.centre[0] + self.radius * turned[0], self.centre[1] - self.radius * turned[1]

    def area(self, points: Points, fill: Colour) -> None:
        self.draw.polygon([self.place(*p) for p in points], fill)

    def line(self, points: Points, fill: Colour, width: float) -> None:
        self.draw.line([self.place(*p) for p in points], fill, max(1, round(width * self.radius)), joint="curve")


def oval(x: float, y: float, width: float, height: float, angle: float = 0.0) -> Points:
    """An ellipse by its centre and half-axes, turned by `angle`."""
    c, s = math.cos(angle), math.sin(angle)
    turns = (math.tau * k / 72 for k in range(72))
    flat = [(width * math.cos(t), height * math.sin(t)) for t in turns]
    return [(x + c * u - s * v, y + s * u + c * v) for u, v in flat]


def spikes(count: int, inner: float, outer: float = 1.0) -> Points:
    turns = (math.pi * k / count + math.pi / 2 for k in range(2 * count))
    return [((outer, inner)[k % 2] * math.cos(t), (outer, inner)[k % 2] * math.sin(t)) for k, t in enumerate(turns)]


def shade(colour: Colour, by: float) -> Colour:
    """`colour` towards black (by < 0) or white (by > 0)."""
    end = 255 if by > 0 else 0
    return tuple(round(c + (end - c) * abs(by)) for c in colour)


def flower(pen: Pen, colour: Colour, rng: random.Random) -> str:
    petals = rng.choice((5, 6, 8, 10))
    for k in range(petals):
        t = math.tau * k / petals
        x, y = math.cos(t), math.sin(t)
        pen.area(oval(0.55 * x, 0.55 * y, 0.45, 1.75 / petals, t), shade(colour, (-0.1, 0.08)[k % 2]))
        pen.line([(0.3 * x, 0.3 * y), (0.7 * x, 0.7 * y)], shade(colour, -0.2), 0.03)
    centre = COLOURS["brown" if colour in (COLOURS["yellow"][1], COLOURS["orange"][1]) else "yellow"][1]
    pen.area(oval(0, 0, 0.26, 0.26), shade(centre, -0.15))
    pen.area(oval(0, 0, 0.2, 0.2), centre)
    return f"with {number(petals)} petals"


def circle(pen: Pen, colour: Colour, rng: random.Random) -> str:
    pen.area(oval(0, 0, 0.9, 0.9), colour)
    if rng.random() < 0.5:
        pen.area(oval(0, 0, 0.55, 0.55), shade(colour, 0.45))
        return "with a pale middle"
    return ""


def star(pen: Pen, colour: Colour, rng: random.Random) -> str:
    points = rng.choice((5, 5, 6, 8))
    pen.area(spikes(points, 0.42), shade(colour, -0.12))
    pen.area(spikes(points, 0.42 * 0.74, 0.74), shade(colour, 0.1))
    return f"with {number(points)} points"


def leaf(pen: Pen, colour: Colour, rng: random.Random) -> str:
    width = rng.uniform(0.34, 0.52)
    edge = [(width * math.sin(math.pi * k / 40) ** 1.2, 1 - 1.7 * k / 40) for k in range(41)]
    pen.area(edge + [(-x, y) for x, y in reversed(edge)], colour)
    pen.area([*edge, (0, -0.7), (0, 1)], shade(colour, -0.1))
    vein = shade(colour, 0.4)
    pen.line([(0, 0.85), (0, -1)], vein, 0.05)
    for y in (0.45, 0.1, -0.25):
        for side in (-1, 1):
            pen.line([(0, y - 0.12), (side * width * 0.62, y + 0.12)], vein, 0.03)
    return ""


def heart(pen: Pen, colour: Colour, rng: random.Random) -> str:
    turns = [math.tau * k / 90 for k in range(90)]
    heights = [13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) for t in turns]
    pen.area([(16 * math.sin(t) ** 3 / 17, y / 17) for t, y in zip(turns, heights, strict=True)], colour)
    pen.area(oval(-0.45, 0.42, 0.2, 0.12, 0.7), shade(colour, 0.5))
    return ""


def moon(pen: Pen, colour: Colour, rng: random.Random) -> str:
    bend = rng.uniform(0.25, 0.55)
    turns = [math.pi * (k / 40 - 0.5) for k in range(41)]
    outer = [(-math.cos(t) * 0.95, math.sin(t) * 0.95) for t in turns]
    pen.area(outer + [(-bend * math.cos(t) * 0.95, math.sin(t) * 0.95) for t in reversed(turns)], colour)
    return ""


def sun(pen: Pen, colour: Colour, rng: random.Random) -> str:
    rays = rng.choice((8, 10, 12))
    pen.area(spikes(rays, 0.62), shade(colour, 0.25))
    pen.area(oval(0, 0, 0.58, 0.58), shade(colour, -0.08))
    pen.area(oval(0, 0, 0.48, 0.48), colour)
    return f"with {number(rays)} rays"


def tree(pen: Pen, colour: Colour, rng: random.Random) -> str:
    trunk = COLOURS["brown"][1] if colour != COLOURS["brown"][1] else shade(colour, -0.4)
    pen.area([(-0.12, -1), (0.12, -1), (0.09, -0.2), (-0.09, -0.2)], trunk)
    if rng.random() < 0.5:
        for k, y in enumerate((-0.5, -0.05, 0.4)):
            pen.area([(-0.66 + 0.14 * k, y), (0.66 - 0.14 * k, y), (0, y + 0.62)], shade(colour, -0.12 + 0.1 * k))
        return "with a pointed top"
    for x, y, r in ((-0.38, 0.1, 0.42), (0.38, 0.1, 0.42), (0, 0.48, 0.5), (0, 0.1, 0.45)):
        pen.area(oval(x, y, r, r), shade(colour, -0.08 if x else 0.04))
    return "with a round top"


def butterfly(pen: Pen, colour: Colour, rng: random.Random) -> str:
    for side in (-1, 1):
        pen.area(oval(side * 0.5, 0.34, 0.5, 0.36, side * 0.6), colour)
        pen.area(oval(side * 0.4, -0.38, 0.38, 0.28, side * -0.7), shade(colour, -0.15))
        pen.area(oval(side * 0.58, 0.4, 0.16, 0.12, side * 0.6), shade(colour, 0.55))
    body = shade(colour, -0.65)
    pen.area(oval(0, 0, 0.08, 0.55), body)
    for side in (-1, 1):
        pen.line([(0, 0.5), (side * 0.2, 0.9)], body, 0.05)
    return "with open wings"


def fish(pen: Pen, colour: Colour, rng: random.Random) -> str:
    side = rng.choice((-1, 1))
    pen.area([(side * 0.45, 0), (side * 1, 0.45), (side * 0.9, 0), (side * 1, -0.45)], shade(colour, -0.15))
    pen.area([(side * -0.15, 0.3), (side * 0.25, 0.62), (side * 0.35, 0.2)], shade(colour, -0.15))
    pen.area(oval(side * -0.15, 0, 0.72, 0.44), colour)
    for k in range(2):
        x = side * (0.05 + 0.25 * k)
        pen.line([(x, 0.32 - 0.06 * k), (x, -0.32 + 0.06 * k)], shade(colour, 0.5), 0.09)
    pen.area(oval(side * -0.52, 0.1, 0.1, 0.1), (255, 255, 255))
    pen.area(oval(side * -0.54, 0.1, 0.05, 0.05), (20, 20, 24))
    return f"facing {'left' if side > 0 else 'right'}"


def balloon(pen: Pen, colour: Colour, rng: random.Random) -> str:
    pen.line([(0, -0.5), (0.08, -0.65), (-0.06, -0.82), (0.03, -1)], shade(colour, -0.4), 0.045)
    pen.area([(-0.1, -0.56), (0.1, -0.56), (0, -0.36)], shade(colour, -0.2))
    pen.area(oval(0, 0.25, 0.6, 0.72), colour)
    pen.area(oval(-0.22, 0.52, 0.1, 0.2, -0.5), shade(colour, 0.6))
    return "on a string"


def mushroom(pen: Pen, colour: Colour, rng: random.Random) -> str:
    pen.area([(-0.22, 0.05), (0.22, 0.05), (0.28, -0.85), (-0.28, -0.85)], (244, 232, 208))
    pen.area(oval(0, -0.85, 0.28, 0.1), (244, 232, 208))
    turns = [math.pi * k / 40 for k in range(41)]
    pen.area([(0.9 * math.cos(t), 0.85 * math.sin(t)) for t in turns], colour)
    pen.area(oval(0, 0, 0.9, 0.14), shade(colour, -0.18))
    for x, y, r in ((0, 0.55, 0.14), (-0.45, 0.36, 0.11), (0.45, 0.34, 0.12)):
        pen.area(oval(x, y, r, r), shade(colour, 0.75))
    return "with pale dots"


# English name, Chinese measure word and name, how far it may turn, the colours that it comes in
Shape = tuple[Callable[[Pen, Colour, random.Random], str], str, str, float, str]
SHAPES: dict[str, Shape] = {
    "flower": (flower, "一朵", "花", math.pi, "red orange yellow blue purple pink white"),
    "circle": (circle, "一个", "圆", math.pi, "red orange yellow green blue purple pink white brown black"),
    "star": (star, "一颗", "星星", math.pi, "red orange yellow green blue purple pink white"),
    "leaf": (leaf, "一片", "叶子", math.pi, "red orange yellow green brown purple"),
    "heart": (heart, "一颗", "爱心", 0.4, "red orange yellow green blue purple pink white black"),
    "moon": (moon, "一弯", "月亮", math.pi, "yellow orange white blue red"),
    "sun": (sun, "一个", "太阳", math.pi, "yellow orange red pink white"),
    "tree": (tree, "一棵", "树", 0.08, "green orange yellow red pink brown"),
    "butterfly": (butterfly, "一只", "蝴蝶", 0.6, "orange yellow blue purple pink red white green"),
    "fish": (fish, "一条", "鱼", 0.3, "orange red yellow blue green purple pink black"),
    "balloon": (balloon, "一个", "气球", 0.15, "red orange yellow green blue purple pink white"),
    "mushroom": (mushroom, "一个", "蘑菇", 0.12, "red orange yellow brown purple blue"),
}


def number(n: int) -> str:
    return {5: "five", 6: "six", 8: "eight", 10: "ten", 12: "twelve"}[n]


def drawings(rng: random.Random) -> Iterator[tuple[dict, Image.Image]]:
    """Every picture with its row of metadata, without a split."""
    for name, (draw, measure, chinese, turn, palette) in SHAPES.items():
        colours = palette.split()
        rng.shuffle(colours)
        for k in range(OF_EACH):
            colour = colours[k % len(colours)]
            colour_zh, rgb = COLOURS[colour]
            fitting = [b for b, (_, back) in BACKGROUNDS.items() if np.abs(np.subtract(rgb, back)).sum() >= CONTRAST]
            background = rng.choice(fitting)
            background_zh, back = BACKGROUNDS[background]
            canvas = Image.new("RGB", (SIDE * OVERSAMPLING, SIDE * OVERSAMPLING), back)
            radius = rng.uniform(0.3, 0.46)
            centre = [SIDE * OVERSAMPLING * rng.uniform(radius, 1 - radius) for _ in "xy"]
            pen = Pen(ImageDraw.Draw(canvas), tuple(centre), SIDE * OVERSAMPLING * radius, rng.uniform(-turn, turn))
            detail = draw(pen, rgb, rng)
            one = f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {name}"
            told = f"{one} {detail}" if detail else f"a drawing of {one}"
            row = {
                "file_name": f"images/{name}-{k}.webp",
                "captions": [f"{one} on a {background} background", told],
                "caption_source": SOURCE, "captions_zh": [f"{background_zh}背景上有{measure}{colour_zh}的{chinese}"],
                "caption_zh_source": SOURCE, "label": name, "label_zh": chinese,
            }  # fmt: skip
            yield row, canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw_sample_set(out: Path) -> None:
    """Write all pictures and their metadata to `out`."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows, prints = [], []
    for row, image in drawings(random.Random(0)):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=92, method=6)
        write_whole(out / row["file_name"], buffer.getvalue())
        rows.append(row)
        prints.append(fingerprint(open_image(buffer.getvalue())))
    splits = assign(prints, [""] * len(rows), validation=0.125, test=0.125, max_bits=MAX_BITS)
    rows = [{**row, "split": split} for row, split in zip(rows, splits.names, strict=True)]
    write_whole(out / "metadata.jsonl", encode(rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.draw_shapes", description=__doc__)
    parser.add_argument("--out", type=Path, default=SAMPLE_SET, metavar="FOLDER")
    draw_sample_set(parser.parse_args().out)


if __name__ == "__main__":
    main()
