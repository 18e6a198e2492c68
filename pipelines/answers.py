"""Results as plain values, the same on the command line (`--json`) and over HTTP."""

from pipelines.outputs import CaptionOutput, Concept, Recognition
from pipelines.round_trip import RoundTrip

LISTS = ("objects", "attributes", "actions", "imagenet")


def caption_answer(output: CaptionOutput) -> dict:
    return {"captions": output.captions, "model": output.model, "seconds": round(output.seconds, 4)}


def recognition_answer(found: Recognition) -> dict:
    lists = {name: [concept_answer(concept) for concept in getattr(found, name)] for name in LISTS}
    return {**lists, "seconds": round(found.seconds, 4)}


def concept_answer(concept: Concept) -> dict:
    facts = {"en": concept.en, "zh": concept.zh, "probability": round(concept.probability, 4)}
    return {**facts, "recognised": concept.recognised}


def scores_answer(texts: list[str], row: list[float]) -> dict[str, float]:
    return {text: round(score, 4) for text, score in zip(texts, row, strict=True)}


def trip_answer(trip: RoundTrip) -> dict:
    facts = ("prompt", "seed", "caption", "matches_prompt", "matches_caption", "kept", "lost", "invented", "f1")
    pictures = [
        {name: getattr(leg, name) for name in (*facts, "recognition")}
        | {name: [concept.en for concept in getattr(leg, name)] for name in ("found", "missed", "unasked")}
        for legs in trip.loops
        for leg in legs
    ]
    return {"model": trip.generator, "captioner": trip.captioner, "drift": trip.drift, "pictures": pictures}
