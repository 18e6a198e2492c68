"""Predicted captions fill what is trained on, are marked, and are never measured against."""

import json
import math
import types

import pytest

from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import load_captioner
from tests.test_captioning import save_tiny_captioner
from training.data import read, refold
from training.fill import confidence, fill, main
from training.metadata import encode, read_rows, write_whole


@pytest.fixture
def captioner(tiny_weights):
    save_tiny_captioner(tiny_weights / "lstm", "lstm", grid_size=2)
    return load_captioner("lstm")


@pytest.fixture
def folder(captioned_folder):
    """Rows 0 and 1 (train), 9 (validation) and 10 (test) have no English captions."""
    rows = read_rows(captioned_folder / "metadata.jsonl")
    for k in (0, 1, 9, 10):
        rows[k] |= {"captions": [], "caption_source": None}
    write_whole(captioned_folder / "metadata.jsonl", encode(rows))
    return captioned_folder


def test_only_pictures_that_are_trained_on_are_filled_and_marked(folder, captioner):
    before = (folder / "metadata.jsonl").read_bytes()
    assert fill(folder, captioner, floor=0).counts == {"held out": 2, "filled": 2}
    rows, old = read_rows(folder / "metadata.jsonl"), [json.loads(line) for line in before.splitlines()]
    for k, row in enumerate(rows):
        if k in (0, 1):
            assert row["captions"][0]
            assert row["caption_source"] == "predicted by lstm"
            assert 0 < row["caption_confidence"] <= 1
            assert row["captions_zh"] == old[k]["captions_zh"]
        else:
            assert row == old[k]
    assert (folder / "metadata.jsonl.bak").read_bytes() == before
    records = read(folder)
    assert records[0].facts["caption_source"] == "predicted by lstm"
    assert records[0].captions == tuple(rows[0]["captions"])


def test_the_mark_of_a_folder_does_not_tell_where_it_lies(folder, tiny_weights, tmp_path):
    save_tiny_captioner(tmp_path / "models" / "my-own", "lstm", grid_size=2)
    fill(folder, load_captioner(str(tmp_path / "models" / "my-own")), floor=0)
    assert read_rows(folder / "metadata.jsonl")[0]["caption_source"] == "predicted by my-own"


def test_the_backup_stays_the_original(folder, captioner):
    before = (folder / "metadata.jsonl").read_bytes()
    fill(folder, captioner, floor=0)
    assert fill(folder, captioner, floor=0, validation=True).counts == {"held out": 1, "filled": 1}
    assert fill(folder, captioner, floor=0).counts == {"held out": 1}
    assert (folder / "metadata.jsonl.bak").read_bytes() == before


def test_under_the_floor_nothing_is_written(folder, captioner):
    before = (folder / "metadata.jsonl").read_bytes()
    assert fill(folder, captioner, floor=1).counts == {"held out": 2, "doubtful": 2}
    assert (folder / "metadata.jsonl").read_bytes() == before
    assert not (folder / "metadata.jsonl.bak").exists()


def test_chinese_captions_of_a_csv_and_broken_pictures(folder, captioner):
    rows = read_rows(folder / "metadata.jsonl")
    for row in rows[:2]:
        row["captions_zh"] = []
    write_whole(folder / "metadata.csv", encode(rows, ".csv"))
    (folder / "metadata.jsonl").unlink()
    (folder / "images" / "1.png").write_bytes(b"broken")
    filled = fill(folder, captioner, language="zh", floor=0)
    assert filled.counts == {"held out": 0, "unreadable": 1, "filled": 1}
    assert "1.png" in filled.errors[0]
    first, second = read(folder)[:2]
    assert first.captions_zh
    assert first.facts["caption_zh_source"] == "predicted by lstm"
    assert second.captions_zh == ()


def test_no_model_is_measured_by_predicted_captions(folder):
    rows = read_rows(folder / "metadata.jsonl")
    for k in (0, 9, 10):
        rows[k] |= {"captions": ["a thing"], "caption_source": "predicted by lstm"}
    write_whole(folder / "metadata.jsonl", encode(rows))
    records = read(folder)
    assert [bool(records[k].captions) for k in (0, 9, 10)] == [True, False, False]
    assert all(records[k].captions_zh for k in (0, 9, 10))  # people wrote these
    folded = [r for fold in range(3) for r in refold(records, 3, fold) if r.name == records[0].name]
    assert {r.split: bool(r.captions) for r in folded} == {"train": True, "validation": False}


def test_confidence_is_the_geometric_mean():
    output = types.SimpleNamespace(probabilities=[[0.5, 0.125]])
    assert math.isclose(confidence(output), 0.25)
    assert confidence(types.SimpleNamespace(probabilities=[[]])) == 0


@pytest.mark.parametrize(("arguments", "code"), [
    ({"floor": 1.5}, "floor"), ({"floor": float("nan")}, "floor"), ({"language": "fr"}, "language"),
])  # fmt: skip
def test_bad_settings_get_a_sentence(folder, captioner, arguments, code):
    with pytest.raises(InputError) as caught:
        fill(folder, captioner, **arguments)
    assert caught.value.code == code


def test_a_folder_without_metadata_is_to_be_prepared_first(folder, captioner, capsys):
    (folder / "metadata.jsonl").unlink()
    assert main([str(folder), "--captioner", "lstm"]) == 2
    assert "training.prepare" in capsys.readouterr().err
