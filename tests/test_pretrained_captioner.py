"""A captioner of the Hub's kind, as a user's own folder: a real BLIP of a few thousand parameters, saved and loaded."""

import pytest
import torch
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
)

from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import load_captioner
from tests.conftest import forget_models
from tests.test_captioning import PICTURES

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[DEC]", "a", "dog", "cat", "on", "the", "grass", "red", "black", "runs"]


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizerFast(str(tmp_path / "vocab.txt"))
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {
        "vocab_size": len(WORDS), "encoder_hidden_size": 16, "max_position_embeddings": 64, "bos_token_id": 4,
        "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0,
    }  # fmt: skip
    config = BlipConfig(text_config=size | text, vision_config=size | {"image_size": 32, "patch_size": 16})
    BlipForConditionalGeneration(config).save_pretrained(tmp_path / "blip")
    processor = BlipImageProcessor(size={"height": 32, "width": 32})
    BlipProcessor(processor, tokenizer).save_pretrained(tmp_path / "blip")
    yield tmp_path / "blip"
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
