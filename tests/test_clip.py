"""CLIPScore through a real CLIP of a few thousand parameters, saved and loaded as a user's folder would be."""

import json

import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

from pipelines.__main__ import main
from pipelines.clip import load_clip
from pipelines.errors import InputError
from tests.conftest import forget_models

RED, BLUE = (Image.new("RGB", (40, 30), colour) for colour in ("red", "blue"))
PIECES = ["a", "b", "d", "e", "r", "a</w>", "d</w>", "e</w>", "re", "red</w>"]


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    words = {w: k for k, w in enumerate([*PIECES, "<|startoftext|>", "<|endoftext|>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(words))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n")
    tokenizer = CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"), model_max_length=8)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {"vocab_size": len(words), "max_position_embeddings": 8, "bos_token_id": 10, "eos_token_id": 11}
    config = CLIPConfig(text_config=size | text, vision_config=size | {"image_size": 32, "patch_size": 16})
    CLIPModel(config).save_pretrained(tmp_path / "clip")
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(pictures, tokenizer).save_pretrained(tmp_path / "clip")
    yield tmp_path / "clip"
    forget_models()


def test_scores_are_scaled_cosines_alone_or_together(folder):
    clip = load_clip(str(folder))
    scores = clip([RED, BLUE], ["a red", "bad " * 20])
    assert scores.shape == (2, 2)
    assert 0 <= scores.min() <= scores.max() <= 2.5
    assert scores.max() > 0
    assert torch.allclose(scores[1:], clip([BLUE], ["a red", "bad " * 20]), atol=1e-5)


def test_the_command_line_shows_them_beside_our_own(folder, aligned_weights, tmp_path, capsys):
    RED.save(tmp_path / "red.png")
    assert main(["align", str(tmp_path / "red.png"), "a red flower", "--clip", str(folder), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["clip_scores"].keys() == result["scores"].keys() == {"a red flower"}


@pytest.mark.parametrize(("name", "code"), [("nobody/clip", "model_offline"), ("", "model_kind")])
def test_what_is_no_clip_is_one_sentence(tmp_path, monkeypatch, name, code):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        load_clip(name or str(tmp_path))
    assert caught.value.code == code


@pytest.mark.parametrize(("images", "texts"), [([], ["a"]), ([RED], [])])
def test_nothing_to_score_is_said(folder, images, texts):
    with pytest.raises(InputError):
        load_clip(str(folder))(images, texts)
