"""A finished checkpoint that is to be pushed while the Hub is out of reach: a sentence, the card, the folder whole."""

import json

import pytest

from pipelines.errors import InputError
from training.hub import publish


@pytest.fixture
def finished(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "training.json").write_text(json.dumps({"steps": 7}))
    return tmp_path


def test_offline_is_a_sentence_that_tells_how_to_push_later(finished):
    with pytest.raises(InputError) as caught:
        publish("ada/birds", finished, "train_gan")
    assert caught.value.code == "hub_push"
    assert f"hf upload --private ada/birds {finished}" in str(caught.value)
    card = (finished / "README.md").read_text()
    assert "# birds" in card
    assert '"steps": 7' in card


def test_a_card_that_is_there_stays(finished):
    (finished / "README.md").write_text("measured")
    with pytest.raises(InputError):
        publish("ada/birds", finished, "train_gan")
    assert (finished / "README.md").read_text() == "measured"


def test_nothing_is_pushed_unasked(finished):
    publish("", finished, "train_gan")
    assert not (finished / "README.md").exists()
