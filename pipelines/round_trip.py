"""The round trip: words → pictures → words, and how well each matches the other; or a picture → words → a picture.

Everything is handed in, so that any generator, captioner and aligner take part. What a caption keeps of the prompt,
loses and invents is told word by word; what the prompt asked for and recognition finds, concept by concept.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from pipelines.image_captioning.tokenizer import words
from pipelines.languages import language_of
from pipelines.numbers import whole
from pipelines.outputs import Concept, Recognition

MAX_LOOPS = 100
# words that say nothing of what is seen
ENGLISH = "a an the of in on at with and or is are be been being has have that this it its as to from for by there s"
EMPTY = frozenset([*ENGLISH.split(), *"的了着在和与有是一个只朵张这那里上中它地"])


@dataclass(frozen=True)
class Leg:
    """One picture of a round trip: what was asked for, what was made, what was read from it.

    `matches_prompt` and `matches_caption` are probabilities that the picture matches each. `kept`, `lost` and
    `invented` are the words of prompt and caption; `found`, `missed` and `unasked` are the objects, attributes and
    actions that the prompt names or recognition finds.
    """

    prompt: str
    image: Image.Image
    seed: int
    caption: str
    matches_prompt: float
    matches_caption: float
    kept: list[str]
    lost: list[str]
    invented: list[str]
    found: list[Concept]
    missed: list[Concept]
    unasked: list[Concept]

    @property
    def f1(self) -> float:
        """Of the prompt's words in the caption: 2 · kept / (2 · kept + lost + invented)."""
        return f1(self.kept, self.lost, self.invented)

    @property
    def recognition(self) -> dict[str, float]:
        """Precision, recall and F1 of the recognised concepts against those asked for; 0 where nothing was."""
        return {
            "precision": len(self.found) / max(1, len(self.found) + len(self.unasked)),
            "recall": len(self.found) / max(1, len(self.found) + len(self.missed)),
            "f1": f1(self.found, self.missed, self.unasked),
        }


def f1(right: list, missing: list, added: list) -> float:
    return 2 * len(right) / max(1, 2 * len(right) + len(missing) + len(added))


@dataclass(frozen=True)
class RoundTrip:
    """`loops[k]` holds the legs of loop k, the best match with their prompt first; each loop's prompt is the caption of
    the best picture of the loop before."""

    loops: list[list[Leg]]
    generator: str
    captioner: str

    @property
    def drift(self) -> list[float]:
        """How well the best picture of each loop still matches the words that all began with."""
        return [leg[0].matches_prompt for leg in self.loops]


def round_trip(
    prompt: str,
    generate: Callable,
    caption: Callable,
    align: Callable,
    recognize: Callable,
    *,
    num_images: int = 4,
    seed: int | None = None,
    num_loops: int = 1,
    on_step: Callable | None = None,
    **settings,
) -> RoundTrip:
    """Make pictures of `prompt`, caption each in the prompt's language, score both; `num_loops` times, from the best
    picture's caption on. The callables are loaded pipelines. Raises InputError as they do."""
    asked, loops = prompt, []
    for _ in range(whole(num_loops, "num_loops", 1, MAX_LOOPS)):
        output = generate(asked, num_images=num_images, seed=seed, on_step=on_step, **settings)
        seed = output.seeds[0]
        said = [c.captions[0] for c in caption(output.images, language=language_of(asked))]
        scores = align(output.images, [prompt, *said])
        named = recognize.named(asked)
        legs = []
        rows = zip(output.images, output.seeds, said, recognize(output.images), strict=True)
        for k, (image, image_seed, read, seen) in enumerate(rows):
            changes = *word_changes(asked, read), *concept_changes(named, seen)
            legs.append(Leg(asked, image, image_seed, read, scores[k, 0].item(), scores[k, k + 1].item(), *changes))
        legs.sort(key=lambda leg: -leg.matches_prompt)
        loops.append(legs)
        asked = legs[0].caption
    return RoundTrip(loops, generate.name, caption.name)


def retell(
    image: Image.Image,
    generate: Callable,
    caption: Callable,
    align: Callable,
    *,
    language: str = "en",
    num_images: int = 4,
    seed: int | None = None,
    on_step: Callable | None = None,
) -> tuple[str, list[tuple[Image.Image, int, float, float]], float]:
    """The other way round: caption a picture and make pictures of the caption.

    Returns the caption, for each new picture (picture, seed, likeness to the first one: the cosine of their vectors in
    the aligner's space, match with the caption), the likest first, and the first picture's own match with its caption.
    """
    said = caption([image], language=language)[0].captions[0]
    output = generate(said, num_images=num_images, seed=seed, on_step=on_step)
    vectors = align.embed_pictures([image, *output.images])
    likeness = (vectors[1:] @ vectors[0]).tolist()
    matches = align([image, *output.images], [said])[:, 0].tolist()
    made = list(zip(output.images, output.seeds, likeness, matches[1:], strict=True))
    return said, sorted(made, key=lambda row: -row[2]), matches[0]


def word_changes(prompt: str, caption: str) -> tuple[list[str], list[str], list[str]]:
    """The words that a caption keeps of a prompt, loses and invents, in their order; `EMPTY` ones count for nothing.

    Plural and singular are one word. Both texts are of one language.
    """
    asked, said = ({stem(w): w for w in words(text) if w not in EMPTY} for text in (prompt, caption))
    return (
        [word for root, word in asked.items() if root in said],
        [word for root, word in asked.items() if root not in said],
        [word for root, word in said.items() if root not in asked],
    )


def concept_changes(named: set[str], seen: Recognition) -> tuple[list[Concept], list[Concept], list[Concept]]:
    """Of the concepts whose English names are `named`: those recognised, those not; and what else was recognised."""
    return (
        [c for c in seen.concepts if c.en in named and c.recognised],
        [c for c in seen.concepts if c.en in named and not c.recognised],
        [c for c in seen.concepts if c.en not in named and c.recognised],
    )


def stem(word: str) -> str:
    """`word` without a plural ending: flowers → flower, bushes → bush."""
    if re.search(r"(s|x|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word
