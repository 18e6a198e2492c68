"""What a data set's figures suggest to do before training, in sentences. The bounds are rules of thumb."""

import shlex
from dataclasses import dataclass

from training.picture_survey import Survey

FEW, HELD_OUT_FEW, SMALL = 500, 30, 64


@dataclass(frozen=True)
class Advice:
    """`kind` is "mend" for what makes figures or models wrong, "note" for what is good to know."""

    kind: str
    sentence: str


def advise(survey: Survey, source: str) -> list[Advice]:
    """Advice on the folder or Hub dataset `source`, as it was typed, the gravest first."""
    source = shlex.quote(source)  # it stands in commands that are copied into a shell
    found = [*on_splits(survey, source), *on_pictures(survey), *on_captions(survey, source), *on_balance(survey)]
    return sorted(found, key=lambda advice: advice.kind) or [Advice("note", "Nothing stands out. Train on it.")]


def on_splits(survey: Survey, source: str) -> list[Advice]:
    found = []
    if survey.leaks:
        found.append(Advice("mend", (
            f"Equal or nearly equal pictures lie in several splits ({count(survey.leaks, 'group')}), so figures on "
            f"held-out ones would be too good. Split anew: python -m training.prepare {source} --out FOLDER."
        )))  # fmt: skip
    for split, use in (("train", "train on"), ("validation", "choose by"), ("test", "measure with")):
        if not survey.splits.get(split):
            found.append(Advice("mend", f"No picture is in the {split} split, so there is nothing to {use}."))
    held_out = min((n for split, n in survey.splits.items() if split in ("validation", "test")), default=HELD_OUT_FEW)
    if held_out < HELD_OUT_FEW:
        found.append(Advice("note", (
            f"A held-out split has only {count(held_out, 'picture')}: figures on it will swing. Use cross-validation "
            "(--folds 5), or hold more back."
        )))  # fmt: skip
    return found


def on_pictures(survey: Survey) -> list[Advice]:
    found, n = [], survey.num_pictures
    if n < FEW:
        found.append(Advice("note", (
            f"There are only {count(n, 'picture')}. Start from trained weights (--init_from), augment, or gather more: "
            "from nothing, models learn from thousands."
        )))  # fmt: skip
    if survey.unreadable:
        found.append(Advice("mend", (
            f"{count(survey.unreadable, 'picture')} can't be read and will be skipped. The list below says why."
        )))  # fmt: skip
    alike = sum(len(group) - 1 for group in survey.near)
    copies = sum(len(group) - 1 for group in survey.exact)
    if copies:
        found.append(Advice("note", f"Exact copies of other pictures: {copies}. They weigh double in training."))
    if alike > 0.05 * n:
        found.append(Advice("note", (
            f"The pictures are much alike: {percent(alike, n)} nearly repeat another. Models may learn them by heart."
        )))  # fmt: skip
    if survey.shortest_side < SMALL:
        found.append(Advice("note", f"The smallest picture has a side of {survey.shortest_side} pixels: it will blur."))
    return found


def on_captions(survey: Survey, source: str) -> list[Advice]:
    captions, n, found = survey.captions, survey.num_pictures, []
    if captions.without_any:
        found.append(Advice("mend", (
            f"{percent(captions.without_any, n)} of the pictures ({captions.without_any}) have no caption. Write them, "
            f"or let a model fill those that are trained on: python -m training.fill {source}."
        )))  # fmt: skip
    for language, some, missing in (
        ("English", captions.num_english, captions.without_english),
        ("Chinese", captions.num_chinese, captions.without_chinese),
    ):
        if captions.without_any < n and not some:
            found.append(Advice("note", f"No caption is {language}: prompts in it would not gain from this training."))
        elif missing > captions.without_any:
            found.append(Advice("note", f"{percent(missing, n)} of the pictures have no {language} caption."))
    if captions.predicted:
        found.append(Advice("note", (
            f"A model predicted the captions of {count(captions.predicted, 'picture')}. These are trained on, and left "
            "out of validation and test."
        )))  # fmt: skip
    if captions.shared:
        found.append(Advice("note", (
            f"Of {count(captions.held_out, 'held-out caption')}, {len(captions.shared)} also stand under a training "
            "picture. Retrieval and caption figures look better for it."
        )))  # fmt: skip
    told = captions.num_english + captions.num_chinese
    if told and captions.distinct < told / 4:
        found.append(Advice("note", f"The captions repeat: only {captions.distinct} of {told} differ. Vary them."))
    middle = median(captions.lengths["en"])
    if captions.num_english and middle < 4:
        found.append(Advice("note", f"English captions are short, {count(middle, 'word')} at the median: say more."))
    return found


def on_balance(survey: Survey) -> list[Advice]:
    found, n = [], survey.num_pictures
    if len(survey.classes) > 1:
        (most, many), *_, (least, few) = survey.classes.items()
        if many > n / 2:
            found.append(Advice("note", f"“{most}” dominates with {percent(many, n)} of the pictures: add others."))
        elif many > 10 * few:
            found.append(Advice("note", f"The classes are uneven: {many} of “{most}”, {few} of “{least}”."))
    hue, many = max(survey.hues.items(), key=lambda pair: pair[1])
    if many > n / 2 and hue != "grey":
        found.append(Advice("note", f"{percent(many, n)} of the pictures are mostly {hue}: other colours come short."))
    return found


def median(counts: dict[int, int]) -> int:
    """The lower median of the values that `counts` counts."""
    half, seen = (sum(counts.values()) + 1) // 2, 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= half:
            return value
    return 0


def count(things: int | list | dict, noun: str) -> str:
    number = things if isinstance(things, int) else len(things)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if part >= 0.01 * whole else "under 1 %"
