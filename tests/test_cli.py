"""The command line: one JSON object a line on stdout, everything else on stderr, exit status 1 where a file failed."""

import json

import numpy as np
import pytest
from PIL import Image

from pipelines.__main__ import main
from tests.test_captioning import PICTURES, save_tiny_captioner


@pytest.fixture
def weights(tiny_weights):
    save_tiny_captioner(tiny_weights / "lstm", "lstm")
    return tiny_weights


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_generate_writes_pictures_and_says_where(weights, tmp_path, capsys):
    out = tmp_path / "new" / "folder"
    arguments = ["generate", "一朵黄色的花", "--num-images", "2", "--seed", "3", "--out", str(out), "--json"]
    assert main(arguments) == 0
    (result,) = lines(capsys)
    assert (result["seeds"], result["model"]) == ([3, 4], "gan")
    assert result["seconds"] > 0
    first = [np.asarray(Image.open(path)) for path in result["images"]]
    assert len(first) == 2
    assert main(arguments) == 0
    assert all(np.array_equal(a, np.asarray(Image.open(p))) for a, p in zip(first, result["images"], strict=True))


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", " "],
        ["generate", "a flower", "--num-images", "0"],
        ["generate", "a flower", "--seed", "-1"],
        ["generate", "a flower", "--seed", "later"],
        ["generate", "a flower", "--model", "no-such-model"],
        ["generate", "a flower", "--out", "picture.png"],
        ["roundtrip", "a flower", "--captioner", "lstm", "--num-loops", "0"],
        ["caption", "picture.png", "--language", "fr"],
        ["caption", "picture.png", "--model", "lstm", "--num-beams", "0"],
    ],
)
def test_bad_input_is_one_sentence_and_status_2(weights, tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    PICTURES[0].save("picture.png")
    if arguments[0] == "caption" and "--model" not in arguments:
        arguments = [*arguments, "--model", "lstm"]
    assert main([*arguments, "--json"]) == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"] in captured.err
    assert "Traceback" not in captured.err


def test_pictures_are_not_overwritten(weights, tmp_path, capsys):
    for prompt in ("a red flower", "a blue bird"):
        assert main(["generate", prompt, "--seed", "3", "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["gan-3-2.png", "gan-3.png"]


def test_caption_goes_on_after_a_broken_file(weights, tmp_path, capsys):
    good, broken, missing = (tmp_path / name for name in ("good.png", "broken.png", "missing.png"))
    PICTURES[0].save(good)
    broken.write_bytes(b"not a picture")
    files = [str(p) for p in (broken, good, missing, good)]
    assert main(["caption", *files, "--model", "lstm", "--num-captions", "2", "--json"]) == 1
    results = lines(capsys)
    assert [r["file"] for r in results] == files
    assert ["error" in r for r in results] == [True, False, True, False]
    assert results[1]["captions"] == results[3]["captions"]
    assert len(results[1]["captions"]) == 2
    assert results[1]["model"] == "lstm"


def test_without_json_people_can_read_it(weights, tmp_path, capsys):
    PICTURES[0].save(tmp_path / "good.png")
    assert main(["caption", str(tmp_path / "good.png"), "--model", "lstm", "--language", "zh"]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'good.png'}: ")
