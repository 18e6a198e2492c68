"""A captioner of the Hub's kind, as a user's own folder: a real BLIP of a few thousand parameters, saved and loaded."""

import pytest
import torch

from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import load_captioner
from tabs.cards import caption_cards
from tests.conftest import forget_models
from tests.test_captioning import PICTURES
from tests.tiny_pipelines import WORDS, save_tiny_blip


@pytest.fixture
def folder(tmp_path):
    yield save_tiny_blip(tmp_path / "blip")
    forget_models()


def test_a_pretrained_folder_describes_pictures_through_the_same_call(folder):
    outputs = load_captioner(str(folder))(PICTURES, num_beams=3, num_captions=2)
    assert len(outputs) == 2
    for output in outputs:
        assert len(output.captions) == 2
        assert set(output.captions[0].split()) <= set(WORDS)
        assert len(output.tokens[0]) == len(output.probabilities[0])
        assert all(0 <= p <= 1 for p in output.probabilities[0])
        assert output.attention == []


def test_it_draws_words_too_and_is_shown_without_maps(folder):
    captioner = load_captioner(str(folder))
    first, again, other = (
        captioner(PICTURES[:1], top_p=1, num_captions=3, seed=seed, language="zh")[0] for seed in (0, 0, 1)
    )
    assert first.captions == again.captions != other.captions
    assert first.language == "en"  # its own, whatever is asked for
    shown = caption_cards(PICTURES[0], [first], lambda tokens: [False] * len(tokens), "en")
    assert "pretrained" in shown
    assert "veil" not in shown


def test_pickled_weights_are_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(InputError) as caught:
        load_captioner(str(folder))
    assert caught.value.code == "model_kind"


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        load_captioner(str(tmp_path))
    assert caught.value.code == "model_kind"
