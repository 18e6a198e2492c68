"""Wrong input and broken files become sentences in the language of the page, whatever went wrong."""

from collections import deque

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from pipelines.errors import InputError
from tabs.describe import describe
from tabs.inputs import Picture, Slider, whole_number
from tabs.messages import messages


def said(language: str, call, *arguments) -> str:
    with pytest.raises(gr.Error) as raised:
        deque(call(*arguments, language=language) or ())  # a stream is followed to its end
    return raised.value.message


def fail(error: Exception, language: str) -> None:
    with messages(language):
        raise error


def test_an_input_error_is_said_in_the_language_of_the_page():
    assert said("en", fail, InputError("num_images", value=9, limit=8)).endswith("it is 9.")
    assert said("zh", fail, InputError("num_images", value=9, limit=8)).startswith("图片张数")


def test_an_unexpected_error_keeps_its_details_in_the_log(caplog):
    shown = said("zh", fail, RuntimeError("secret path"))
    assert "secret" not in shown
    assert "secret path" in caplog.text


def test_no_picture():
    assert said("en", describe, None) == "There is no picture. Upload, paste or photograph one."
    assert said("zh", describe, None) == "还没有图片。请上传、粘贴或拍一张。"


def test_files_that_are_no_pictures(tmp_path):
    for name, content in (("notes.png", b"hello"), ("half.png", half_a_picture(tmp_path)), ("empty.jpg", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        assert name in said("en", describe, str(path))
        assert f"“{name}”" in said("zh", describe, str(path))


def half_a_picture(folder) -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "whole.png")
    content = (folder / "whole.png").read_bytes()
    return content[: len(content) // 2]


def test_a_picture_that_would_fill_the_memory(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert "bomb.png" in said("en", describe, str(path))
    assert "百万像素" in said("zh", describe, str(path))


def test_values_reach_the_pipelines_unchecked():
    assert Slider(1, 8).preprocess(99) == 99
    assert Slider(1, 8).preprocess(4.0) == 4
    assert isinstance(Slider(1, 8).preprocess(4.0), int)
    assert Slider(1, 8).preprocess(2.5) == 2.5
    assert Picture(type="filepath").preprocess(None) is None


def test_a_seed_that_is_no_number_stays_what_was_typed():
    assert whole_number(" 12 ") == 12
    assert whole_number("-3") == -3
    assert whole_number("abc") == "abc"
    assert whole_number("") == ""
