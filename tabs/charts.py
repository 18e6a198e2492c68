"""Curves that the browser draws, so that they speak the language of the page and wear its colours."""

WIDTH, HEIGHT = 280, 150  # pixels
MARGIN = 28               # around the points, for what is written at them


def curve(
    title: str,
    points: list[tuple[float, float]],
    above: list[str] | None = None,
    below: list[str] | None = None,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    margin: int = MARGIN,
    behind: str = "",
) -> str:
    """`points` joined by a line under their `title`; x and y run from 0 to 1, y upwards.

    `above` is written at each point, `below` under it at the edge; `behind` is SVG that lies under the line.
    """
    width, height = size
    places = [(margin + (width - 2 * margin) * x, margin + (height - 2 * margin) * (1 - y)) for x, y in points]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in places)
    marks = [f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3"/>' for x, y in places]
    marks += [f'<text x="{x:.0f}" y="{y - 8:.0f}">{t}</text>' for (x, y), t in zip(places, above or (), strict=False)]
    marks += [f'<text x="{x:.0f}" y="{height - 6}">{t}</text>' for (x, _), t in zip(places, below or (), strict=False)]
    return (
        f'<figure class="curve"><figcaption>{title}</figcaption><svg viewBox="0 0 {width} {height}" width="{width}">'
        f'{behind}<polyline points="{line}"/>{"".join(marks)}</svg></figure>'
    )


def evenly(values: list[float]) -> list[tuple[float, float]]:
    """`values` as points at even distances, the least of them at 0 and the greatest at 1."""
    low, high = min(values), max(values)
    return [(k / max(1, len(values) - 1), (v - low) / ((high - low) or 1)) for k, v in enumerate(values)]
