"""Best of n: the pictures of one prompt, the best match with it first, and what speaks for each."""

from collections.abc import Callable
from dataclasses import replace

from pipelines.alignment import load_aligner
from pipelines.errors import InputError
from pipelines.outputs import Judgement, TextToImageOutput
from pipelines.recognition import load_recognizer
from pipelines.round_trip import concept_changes


def best_first(output: TextToImageOutput) -> tuple[TextToImageOutput, list[Judgement]]:
    """A run as the shipped aligner and recognizer rank it; as it is, without judgements, where the words did not reach
    the model, or where they are of a language that only the model reads."""
    if not output.follows_words:
        return output, []
    try:
        return ranked(output, load_aligner(), load_recognizer())
    except InputError:
        return output, []


def ranked(
    output: TextToImageOutput, align: Callable, recognize: Callable
) -> tuple[TextToImageOutput, list[Judgement]]:
    """`output` with its pictures and seeds in the order of their match with the prompt, and the judgement on each.
    `align` and `recognize` are loaded pipelines."""
    prompt = output.settings["prompt"]
    named = recognize.named(prompt)
    matches, seen = align(output.images, [prompt])[:, 0].tolist(), recognize(output.images)
    judged = [
        Judgement(match, *concept_changes(named, found)[:2]) for match, found in zip(matches, seen, strict=True)
    ]
    order = sorted(range(len(judged)), key=lambda k: -judged[k].match)
    images, seeds = ([some[k] for k in order] for some in (output.images, output.seeds))
    return replace(output, images=images, seeds=seeds), [judged[k] for k in order]
