"""Tiny real pipelines: the classes that ship, with weights of a few channels, saved to disk and loaded from it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from diffusers import FlowMatchEulerDiscreteScheduler
from PIL import Image
from transformers import BertConfig, BertModel

from pipelines import checkpoint, device
from pipelines.alignment import Aligner
from pipelines.image_encoder import ImageEncoder, ImageEncoderConfig
from pipelines.recognition import Recognizer
from pipelines.text_encoder import PromptEncoder, TextEncoder, TextEncoderConfig
from pipelines.text_to_image.diffusion import PatchDiffusionPipeline
from pipelines.text_to_image.gan import Generator
from pipelines.text_to_image.unet import PatchUNet
from training.train_text_encoder import build_tokenizer, write_words

torch.set_num_threads(2)
SENTENCES = ["a yellow flower with a dark centre", "a red bird on a branch", "a black dog running with this rose"] * 3
SENTENCES += ["an orange cat"] * 3 + ["一朵黄色的花", "黑猫"] * 3

CONCEPTS = [
    {"group": group, "en": en, "zh": zh, "words": words, "not_in": [], "only_in": [], "domains": ["pictures"],
     "threshold": 0.5, "doubt": doubt}
    for group, en, zh, words, doubt in (
        ("object", "flower", "花", ["flower", "flowers"], 0.0), ("object", "dog", "狗", ["dog", "dogs"], 1.1),
        ("object", "frisbee", "飞盘", ["frisbee"], 0.0), ("attribute", "red", "红色", ["red"], 0.0),
        ("action", "running", "奔跑", ["running", "runs"], 1.1), ("action", "flying", "飞", ["flying"], 1.1),
    )
]  # fmt: skip


def save_tiny_text_encoder(folder: Path) -> None:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(SENTENCES, 200)
    config = TextEncoderConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, sentence_size=12,
    )  # fmt: skip
    TextEncoder(config).half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_words(SENTENCES, folder)
    checkpoint.write_checksums(folder)


def save_tiny_gan(folder: Path, text_encoder: Path) -> None:
    torch.manual_seed(0)
    generator = Generator(
        channels=(16, 8, 8), noise_size=8, sentence_size=12, text_size=8, condition_size=16,
        text_encoder=PromptEncoder(text_encoder).hash,
    )  # fmt: skip
    for block in generator.blocks:  # away from the zero that training starts at, so that words matter
        torch.nn.init.normal_(block.norm1.affine.weight, std=0.5)
    generator.half().save_pretrained(folder)
    checkpoint.write_checksums(folder)


def save_tiny_diffusion(folder: Path, text_encoder: Path) -> None:
    torch.manual_seed(0)
    unet = PatchUNet(
        16, 2, (16, 32), condition_size=16, sentence_size=12, text_encoder=PromptEncoder(text_encoder).hash
    )  # fmt: skip
    for parameter in unet.parameters():  # away from the zeros that training starts at, so that words matter
        torch.nn.init.normal_(parameter, std=0.1)
    PatchDiffusionPipeline(unet.half(), FlowMatchEulerDiscreteScheduler()).save_pretrained(folder)
    checkpoint.write_checksums(folder)


@pytest.fixture(autouse=True)
def any_precision():
    """accelerate keeps the precision of a process's first run, and the tests share one process."""
    yield
    AcceleratorState._reset_state()


@pytest.fixture
def aligned_weights(tiny_weights) -> Path:
    """`tiny_weights` with the CNN, its weights random, and a tiny aligner beside it."""
    torch.manual_seed(0)
    ImageEncoder(ImageEncoderConfig(num_classes=3)).half().save_pretrained(tiny_weights / "image-encoder")
    checkpoint.write_checksums(tiny_weights / "image-encoder")
    hashes = {
        name.replace("-", "_"): checkpoint.weights_hash(tiny_weights / name)
        for name in ("text-encoder", "image-encoder")
    }
    Aligner(width=16, space=8, token_size=16, **hashes).half().save_pretrained(tiny_weights / "alignment")
    checkpoint.write_checksums(tiny_weights / "alignment")
    return tiny_weights


@pytest.fixture
def recognizing_weights(aligned_weights) -> Path:
    """`aligned_weights` with a tiny recognizer that knows flowers, dogs, red and running."""
    torch.manual_seed(0)
    cnn, folder = aligned_weights / "image-encoder", aligned_weights / "recognizer"
    (cnn / "labels.json").write_text(json.dumps([["tench", "丁鱥"], ["goldfish", "金鱼"], ["cock", "公鸡"]]))
    checkpoint.write_checksums(cnn)
    Recognizer(len(CONCEPTS), 16, image_encoder=checkpoint.weights_hash(cnn)).half().save_pretrained(folder)
    (folder / "concepts.json").write_text(json.dumps(CONCEPTS))
    checkpoint.write_checksums(folder)
    return aligned_weights


@pytest.fixture
def tiny_weights(tmp_path, monkeypatch) -> Path:
    """A weights folder with a tiny text encoder, GAN and diffusion model, in the place of the shipped one."""
    save_tiny_text_encoder(tmp_path / "weights" / "text-encoder")
    save_tiny_gan(tmp_path / "weights" / "gan", tmp_path / "weights" / "text-encoder")
    save_tiny_diffusion(tmp_path / "weights" / "diffusion", tmp_path / "weights" / "text-encoder")
    monkeypatch.setattr(checkpoint, "WEIGHTS", tmp_path / "weights")
    forget_models()
    yield tmp_path / "weights"
    forget_models()


def forget_models() -> None:
    device.unload(*device.loaded())


@pytest.fixture
def teacher(tmp_path) -> Path:
    """A tiny English BERT in the place of the one that the text encoder follows."""
    folder = tmp_path / "teacher"
    torch.manual_seed(0)
    tokenizer = build_tokenizer(SENTENCES, 200)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=384, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def text_folder(tmp_path) -> Path:
    """Three translated captions, one of a test picture, and two English sentences."""
    folder = tmp_path / "text"
    folder.mkdir()
    rows = [{"id": f"{k}.jpg", "en": [f"a {w} dog"], "zh_machine": ["一只狗"]} for k, w in enumerate(("red", "big"))]
    held_out = {"id": "10.jpg", "en": ["a dog"], "zh_machine": ["狗"]}
    (folder / "flickr8k_en_zh.jsonl").write_text("\n".join(json.dumps(r) for r in [*rows, held_out]))
    (folder / "more_en.txt").write_text("a photo of a cat\n\na small bird\n")
    return folder


@pytest.fixture
def captioned_folder(tmp_path) -> Path:
    """Twelve little pictures of one colour each with captions in both languages, laid out as an imagefolder."""
    folder = tmp_path / "pictures"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    colours = {"red": (220, 30, 30, "红色"), "yellow": (230, 210, 40, "黄色"), "blue": (40, 60, 220, "蓝色")}
    rows = []
    for k in range(12):
        name = list(colours)[k % 3]
        red, green, blue, chinese = colours[name]
        pixels = np.clip(rng.normal((red, green, blue), 12, (48, 56, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{k}.png")
        rows.append({
            "file_name": f"images/{k}.png", "captions": [f"a {name} flower", f"this flower is {name}"],
            "captions_zh": [f"{chinese}的花"], "caption_source": "human",
            "split": "test" if k >= 10 else "validation" if k == 9 else "train",
        })  # fmt: skip
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    return folder
