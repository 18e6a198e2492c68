"""Best of n: the match decides the order, pictures keep their seeds, and the reasons are the prompt's own concepts."""

import json
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest
import torch
from PIL import Image

from pipelines.__main__ import main
from pipelines.outputs import Concept, Recognition, TextToImageOutput
from pipelines.ranking import best_first, ranked
from tabs.create import LINK, from_link, judgement, link, seed_of


class Recognize:
    """Sees yellow in the second picture and a flower in both."""

    def named(self, prompt: str) -> set[str]:
        return {"yellow", "flower"} & set(prompt.split())

    def __call__(self, images: list[Image.Image]) -> list[Recognition]:
        def concept(en: str, zh: str, probability: float) -> Concept:
            return Concept("object", en, zh, probability, None, threshold=0.5, doubt=0.1)

        objects = [concept("flower", "花", 0.9), concept("dog", "狗", 0.9)]
        return [Recognition(objects, [concept("yellow", "黄", p)], [], [], 0) for p in (0.2, 0.8)]


def test_the_best_match_comes_first_with_its_seed_and_the_reason():
    images = [Image.new("RGB", (4, 4), colour) for colour in ("red", "yellow")]
    output = TextToImageOutput(images, [7, 8], "gan", 0.1, settings={"prompt": "a yellow flower"})
    ordered, judged = ranked(output, lambda images, texts: torch.tensor([[0.25], [0.75]]), Recognize())
    assert (ordered.images, ordered.seeds) == (images[::-1], [8, 7])
    assert [one.match for one in judged] == [0.75, 0.25]
    assert judgement(judged[0], "en") == "match 75 % · ✓ flower, yellow"
    assert judgement(judged[1], "zh").endswith("✓ 花 · ✗ 黄")


def test_pictures_that_no_words_decided_are_not_ranked():
    output = TextToImageOutput([Image.new("RGB", (4, 4))], [7], "mlp-gan", 0.1, settings={"prompt": ""})
    assert best_first(replace(output, follows_words=False)) == (replace(output, follows_words=False), [])


def test_pictures_are_kept_where_the_aligner_does_not_read_the_words():
    output = TextToImageOutput([Image.new("RGB", (4, 4))], [7], "sd", 0.1, settings={"prompt": "красный цветок"})
    assert best_first(output) == (output, [])


def test_the_link_makes_the_same_pictures_in_whatever_order_they_stand():
    settings = {"prompt": "a red bird", "scheduler": "heun", "num_inference_steps": 6}
    output = TextToImageOutput([Image.new("RGB", (4, 4))] * 2, [8, 7], "mlp-gan", 0.1, settings=settings)
    request = SimpleNamespace(query_params=dict(parse_qsl(link(output, 7)[1:])), headers={})
    form = dict(zip(LINK, from_link(request), strict=False))
    assert (form["model"], form["seed"], form["num_images"], form["scheduler"]) == ("mlp-gan", "7", 2, "heun")


@pytest.mark.parametrize("caption", ["seed 12", "种子 12 · 符合 75 %", "seed 12 · match 5 % · ✗ two"])
def test_a_picture_with_a_judgement_gives_its_own_seed(caption):
    assert seed_of(SimpleNamespace(value={"caption": caption}))[1] == "12"


def test_the_command_line_ranks(tmp_path, capsys):
    assert main(["generate", "a red flower", "--num-images", "3", "--seed", "0", "--best-first", "--out", str(tmp_path),
                 "--json"]) == 0  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert told["matches"] == sorted(told["matches"], reverse=True)
    assert sorted(told["seeds"]) == [0, 1, 2]
    assert [f"gan-{seed}.png" in path for seed, path in zip(told["seeds"], told["images"], strict=True)] == [True] * 3
