"""The tab that shows what was measured: every committed metric card as a table, and the command that makes it again."""

import json
from html import escape

import gradio as gr

from pipelines import checkpoint
from pipelines.image_captioning.pipeline import BUILT_IN as CAPTIONERS
from pipelines.text_to_image.pipeline import FOLLOW_WORDS as GENERATORS
from tabs.attention import data_uri
from tabs.charts import curve, evenly
from tabs.i18n import label, text
from tabs.models import table
from tabs.progress import FREE

HEADLINE = "flickr8k"
REAL = "real held-out pictures"
# figure of a generator's card: is it a share?
GENERATION = {
    "fid_efficientnet": False, "kid_efficientnet": False, "precision": True, "recall": True, "alignment": True,
    "category_obeyed": True, "colour_obeyed": True, "spread_between_seeds": True, "seconds_a_picture": False,
}  # fmt: skip
# of the first lesson's card
LESSON = {
    "readable": True, "classes": True, "frechet_distance": False, "precision": True, "recall": True,
    "nearest_training_picture": False, "seconds_a_picture": False,
}  # fmt: skip
CAPTIONS = ("bleu_1", "bleu_4", "rouge_l", "cider_d")
RECOGNITION = ("precision", "recall", "f1", "macro_f1", "map", "accuracy")
RANKS = (1, 5, 10)
SQUARE = 180  # pixels
LOSSES_A_ROW, PANEL_TITLE = 3, 22  # of losses.webp: panels, and the pixels of a title, which is English


def card(name: str) -> dict | None:
    path = checkpoint.WEIGHTS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def number(value: float | None, share: bool = False, interval: list[float] | None = None) -> str:
    """A figure, with its 95% interval in brackets where it has one."""
    if value is None:
        return "–"
    if interval:
        low, high = (number(end, share).removesuffix(" %") for end in interval)
        return f"{number(value, share)} ({low}–{high})"
    return f"{100 * value:.1f} %" if share else f"{value:.0f}" if value >= 100 else f"{value:.3f}"


def results_html(language: str) -> str:
    """Generators, captioners, the recognizer and the aligner, each beside its peers."""
    return "".join(part(language) for part in (generation, lesson, captions, recognition, alignment))


def section(key: str, body: str, cards: list[dict], language: str) -> str:
    commands = "".join(f"<code>{escape(c['command'])}</code>" for c in cards)
    about = "; ".join(dict.fromkeys(
        text("results.about", language, split=c["split"], seed=c["seed"], hardware=c["hardware"]) for c in cards
    ))  # fmt: skip
    return (
        f'<section class="results"><h2>{text(f"results.{key}", language)}</h2>{body}'
        f'<p class="hint">{escape(about)}</p><div class="commands">{commands}</div></section>'
    )


def generation(language: str) -> str:
    """The generators side by side, on the same prompts and beside real pictures."""
    cards = {name: c for name in GENERATORS if (c := card(f"{name}/metrics.json"))}
    head = [text("results.measure", language), *(text(f"create.model_{n}", language) for n in cards)]
    head += [text("results.real", language), "N"]
    rows = []
    for key, share in GENERATION.items():
        figures = [c["figures"].get(key, {}) for c in cards.values()]
        known = next((f for f in figures if f), {})
        real = 1.0 if key == "spread_between_seeds" else known.get(REAL)
        count = known.get("num_generated") or known.get("num_reference") or ""
        if prompts := known.get("num_prompts"):
            count = f"{prompts} × {known['seeds_a_prompt']}"
        values = [number(f.get("model"), share, f.get("interval")) for f in figures]
        rows.append((text(f"results.{key}", language), *values, number(real, share), count))
    return section("generation", table(head, rows) + sweep(language), list(cards.values()), language)


def sweep(language: str) -> str:
    """What guidance and steps do to the diffusion model's pictures."""
    measured = card("diffusion/sweep.json")
    if measured is None:
        return ""
    curves = []
    for figure, share in (("kid_efficientnet", False), ("alignment", True)):
        for axis, setting in (("guidance", "guidance_scale"), ("steps", "num_inference_steps")):
            points = measured[axis]
            title = f"{text(f'results.{figure}', language)} · {text(f'create.{axis}', language)}"
            values = [p[figure] for p in points]
            above = [number(v, share) for v in values]
            curves.append(curve(title, evenly(values), above, below=[f"{p[setting]:g}" for p in points]))
    about = text("results.sweep", language, count=measured["num_pictures"])
    return f'<p class="hint">{about}</p><div class="panels">{"".join(curves)}</div>'


def lesson(language: str) -> str:
    """The first lesson's digits beside real ones, and what each loss made of them."""
    measured = card("mlp-gan/metrics.json")
    if measured is None:
        return ""
    figures = measured["figures"]
    head = [text("results.measure", language), text("create.model_mlp-gan", language), text("results.real", language)]
    rows = []
    for key, share in LESSON.items():
        found = figures[key]
        values = number(found["model"], share, found.get("interval")), number(found.get(REAL), share)
        rows.append((text(f"results.{key}", language), *values))
    return section("lesson", table(head, rows) + losses(language), [measured], language)


def losses(language: str) -> str:
    """What each loss made of the first lesson, with batch norm and without: curves, digits and figures."""
    measured, path = card("mlp-gan/losses.json"), checkpoint.WEIGHTS / "mlp-gan/losses.webp"
    if measured is None or not path.is_file():
        return ""
    from PIL import Image

    with Image.open(path) as image:
        sheet = image.convert("RGB")
    runs = [run for run in measured["runs"] if run["seed"] == measured["runs"][0]["seed"]]
    width, height = sheet.width // LOSSES_A_ROW, sheet.height * LOSSES_A_ROW // len(runs)
    panels = []
    for k, run in enumerate(runs):
        left, top = k % LOSSES_A_ROW * width, k // LOSSES_A_ROW * height
        address = data_uri(sheet.crop((left, top + PANEL_TITLE, left + width, top + height)), "webp")
        norm = "with_norm" if run["batch_norm"] else "without_norm"
        title = text(f"results.{norm}", language, loss=text(f"results.{run['loss']}", language))
        figures = text(
            "results.loss_figures", language, readable=number(run["readable"], True),
            recall=number(run["recall"], True), distance=number(run["frechet_distance"]),
        )  # fmt: skip
        panels.append(
            f'<figure class="curve"><figcaption>{title}</figcaption><img class="plot" src="{address}" alt="">'
            f"<small>{figures}</small></figure>"
        )
    return f'<p class="hint">{text("results.losses", language)}</p><div class="panels">{"".join(panels)}</div>'


def captions(language: str) -> str:
    """The captioners and their peers on the headline set, in both languages."""
    cards = {name: c for name in CAPTIONERS if (c := card(f"{name}/metrics.json"))}
    peers = card("peers.json")
    tables = []
    for spoken in ("en", "zh"):
        key = f"{HEADLINE} {spoken}"
        scored = {text(f"describe.{name}", language): c["figures"][key] for name, c in cards.items()}
        if peers:
            scored |= {text(f"results.{name}", language): f for name, f in peers["figures"][key].items()}
        rows = [
            (name, *(number(f[m], m != "cider_d", f.get("intervals", {}).get(m)) for m in CAPTIONS))
            for name, f in scored.items()
        ]
        if not scored:
            continue
        count = next(iter(scored.values()))["num_pictures"]
        title = text("results.captions_of", language, spoken=text(f"results.{spoken}", language), count=f"{count:,}")
        head = [title, *(text(f"results.{m}", language) for m in CAPTIONS)]
        tables.append(table(head, rows))
    return section("captions", "".join(tables), [*cards.values(), *([peers] if peers else [])], language)


def recognition(language: str) -> str:
    """The recognizer beside its peers, over all concepts and for each group."""
    measured = card("recognizer/metrics.json")
    if measured is None:
        return ""
    figures = measured["figures"]
    head = [text("results.recognized", language, count=figures["num_pictures"]), text("results.concepts", language)]
    head += [text(f"results.of_{name}", language) for name in RECOGNITION]
    rows = []
    for who in ("recognizer", "nearest neighbours", "base rate"):
        for group in ("all", "object", "attribute", "action"):
            found = figures[who][group]
            values = [number(found[m], True, found["f1_interval"] if m == "f1" else None) for m in RECOGNITION]
            name = f"{text(f'results.{who}', language)} · {text(f'results.{group}', language)}"
            rows.append((name, found["num_concepts"], *values))
    return section("recognition", table(head, rows), [measured], language)


def alignment(language: str) -> str:
    """Retrieval beside a bag of words, captions made wrong by one word, and the calibration curve."""
    measured = card("alignment/metrics.json")
    if measured is None:
        return ""
    figures = measured["figures"]
    head = [text("results.retrieval", language), *(f"{way} R@{k}" for way in ("→", "←") for k in RANKS), "N"]
    rows = []
    for domain, found in figures.items():
        if "aligner" in found:
            for who in ("aligner", "bag of words"):
                values = [
                    number(found[who][f"{way} R@{k}"], share=True)
                    for way in ("picture to text", "text to picture")
                    for k in RANKS
                ]
                name = f"{domain} · {text(f'results.{who}', language)}"
                rows.append((name, *values, found["num_pictures"]))
    wrong = []
    for kind, found in figures["one word wrong"].items():
        name = text(f"results.wrong_{kind.replace(', ', '_')}", language)
        wrong.append((name, number(found.get("accuracy"), True, found.get("interval")), found["num_pairs"]))
    wrong_table = table([text("results.wrong", language), text("results.accuracy", language), "N"], wrong)
    body = table(head, rows) + wrong_table + calibration_html(figures["calibration"], language)
    return section("alignment", body, [measured], language)


def calibration_html(figures: dict, language: str) -> str:
    """How often right over how sure: on the diagonal the probability is to be believed."""
    error = number(figures["expected_calibration_error"])
    said = text("results.calibration", language, error=error, count=figures["num_pairs"])
    points = [(p["sure"], p["right"]) for p in figures["curve"]]
    return curve(said, points, size=(SQUARE, SQUARE), margin=0, behind=f'<line x2="{SQUARE}" y1="{SQUARE}"/>')


def build(language: gr.Textbox, tab: gr.Tab) -> None:
    """Lay out the tab; it is filled whenever it is opened."""
    gr.HTML(label("results.intro"), elem_classes="hint")
    cards = gr.HTML(elem_id="results")
    tab.select(results_html, language, cards, **FREE)
