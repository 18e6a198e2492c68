"""The round trip: its words are accounted for, its best picture goes on, and a seed decides all of it."""

import json

import numpy as np
import pytest
from PIL import Image

from pipelines.__main__ import main
from pipelines.alignment import load_aligner
from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.outputs import Concept, Recognition
from pipelines.recognition import load_recognizer
from pipelines.round_trip import Leg, concept_changes, retell, round_trip, stem, word_changes
from pipelines.text_to_image.pipeline import load_text_to_image
from tabs.round_trip import drift_chart, retold_html, trip_html
from tests.test_captioning import save_tiny_captioner


@pytest.fixture
def models(recognizing_weights):
    save_tiny_captioner(recognizing_weights / "lstm", "lstm", grid_size=7)
    return load_text_to_image("gan"), load_captioner("lstm"), load_aligner(), load_recognizer()


@pytest.mark.parametrize(
    ("prompt", "caption", "kept", "lost", "invented"),
    [
        ("a red bird on a branch", "a red bird sitting", ["red", "bird"], ["branch"], ["sitting"]),
        ("two yellow flowers", "a yellow flower", ["yellow", "flowers"], ["two"], []),
        ("一朵红色的花", "红花", ["红", "花"], ["色"], []),
        ("the", "a", [], [], []),
    ],
)
def test_words_are_kept_lost_or_invented(prompt, caption, kept, lost, invented):
    assert word_changes(prompt, caption) == (kept, lost, invented)


@pytest.mark.parametrize(
    ("word", "root"),
    [("flowers", "flower"), ("bushes", "bush"), ("grass", "grass"), ("boxes", "box"), ("bus", "bus"), ("dog", "dog")],
)
def test_a_plural_is_the_same_word(word, root):
    assert stem(word) == root


def test_f1_by_hand():
    image, nothing = Image.new("RGB", (1, 1)), ([], [], [])
    leg = Leg("", image, 0, "", 0, 0, ["red", "bird"], ["branch"], ["sitting", "tree"], *nothing)
    assert leg.f1 == pytest.approx(4 / 7)
    assert Leg("", image, 0, "", 0, 0, *nothing, *nothing).f1 == 0
    assert Leg("", image, 0, "", 0, 0, *nothing, *nothing).recognition == {"precision": 0, "recall": 0, "f1": 0}


def test_what_was_asked_for_meets_what_is_recognised():
    heat = np.zeros((7, 7), np.float32)
    bird, dog = (Concept("object", name, "", p, heat) for name, p in (("bird", 0.9), ("dog", 0.1)))
    red, blue = (Concept("attribute", name, "", p, heat) for name, p in (("red", 0.6), ("blue", 0.7)))
    seen = Recognition([bird, dog], [blue, red], [], [], 0.0)
    changes = concept_changes({"bird", "red", "dog"}, seen)
    assert changes == ([bird, red], [dog], [blue])
    leg = Leg("", Image.new("RGB", (1, 1)), 0, "", 0, 0, [], [], [], *changes)
    assert leg.recognition == {name: pytest.approx(2 / 3) for name in ("precision", "recall", "f1")}


def test_the_best_picture_goes_on(models):
    trip = round_trip("a red bird", *models, num_images=3, seed=5, num_loops=2)
    assert [len(legs) for legs in trip.loops] == [3, 3]
    for legs in trip.loops:
        assert [leg.matches_prompt for leg in legs] == sorted((leg.matches_prompt for leg in legs), reverse=True)
        assert {leg.seed for leg in legs} == {5, 6, 7}
    assert {leg.prompt for leg in trip.loops[1]} == {trip.loops[0][0].caption}
    assert trip.drift == [legs[0].matches_prompt for legs in trip.loops]


def test_a_seed_decides_all_of_it(models):
    first, second = (round_trip("一朵黄色的花", *models, num_images=2, seed=1) for _ in range(2))
    facts = [[(leg.caption, leg.seed, leg.matches_prompt) for leg in trip.loops[0]] for trip in (first, second)]
    assert facts[0] == facts[1]


def test_the_other_way_round(models):
    photo = Image.new("RGB", (50, 40), "red")
    caption, made, match = retell(photo, *models[:3], num_images=3, seed=2)
    assert isinstance(caption, str)
    assert [row[2] for row in made] == sorted((row[2] for row in made), reverse=True)
    assert all(-1.001 <= likeness <= 1.001 and 0 <= fit <= 1 for _, _, likeness, fit in made)
    assert 0 <= match <= 1
    shown = retold_html(photo, (caption, made, match), "zh")
    assert shown.count("<img") == 4


def test_bad_input_is_said_by_whom_it_concerns(models):
    with pytest.raises(InputError, match="empty"):
        round_trip(" ", *models)
    with pytest.raises(InputError, match="number of pictures"):
        round_trip("a bird", *models, num_images=0)


def test_the_page_shows_every_leg_and_the_drift(models):
    trip = round_trip("a <b>red</b> bird", *models, num_images=2, seed=5, num_loops=2)
    shown = trip_html(trip, "en")
    assert shown.count("<img") == 4
    assert shown.count("class=best") == 2
    assert "<b>red" not in shown
    assert shown.count("<circle") == 2
    assert "25 %" in drift_chart([0.5, 0.25], "en")


def test_the_command_line_prints_one_object(models, capsys):
    arguments = ["roundtrip", "a red bird", "--captioner", "lstm", "--num-images", "2", "--seed", "3", "--json"]
    assert main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["model"] == "gan"
    assert len(result["pictures"]) == 2
    assert result["pictures"][0].keys() >= {"caption", "matches_prompt", "kept", "lost", "invented", "f1"}
