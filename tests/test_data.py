"""Captioned folders: every form of metadata, fixed splits, broken files counted, nothing read from outside."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from datasets.exceptions import DatasetsError
from PIL import Image

from pipelines.errors import InputError
from training.data import cached, load, load_pixels, read, refold, split_of

ROOT = Path(__file__).resolve().parent.parent


def test_jsonl_gives_captions_splits_and_facts(captioned_folder):
    records = read(captioned_folder)
    assert [r.split for r in records].count("train") == 9
    assert records[1].captions == ("a yellow flower", "this flower is yellow")
    assert records[1].captions_zh == ("黄色的花",)
    assert records[1].facts == {"caption_source": "human"}
    assert {r.domain for r in records} == {"pictures"}


def test_csv_with_one_or_several_captions(captioned_folder):
    (captioned_folder / "metadata.jsonl").unlink()
    with open(captioned_folder / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("file_name", "text"), ("images/0.png", "a red flower"), ("images/1.png", '["one", "two"]')])
        writer.writerow(("images/2.png", ""))
    assert [r.captions for r in read(captioned_folder)] == [("a red flower",), ("one", "two"), ()]


def test_pictures_without_metadata_have_no_captions(captioned_folder):
    (captioned_folder / "metadata.jsonl").unlink()
    records = read(captioned_folder)
    assert len(records) == 12
    assert not any(r.captions for r in records)


def test_without_a_given_split_the_content_decides_so_that_duplicates_stay_together(captioned_folder):
    (captioned_folder / "metadata.jsonl").unlink()
    shutil.copy(captioned_folder / "images" / "3.png", captioned_folder / "copy.png")
    split = {r.name: r.split for r in read(captioned_folder)}
    assert split["copy.png"] == split["images/3.png"]
    counts = [split_of(bytes([k % 256, k // 256])) for k in range(2000)]
    assert all(0.07 < counts.count(s) / 2000 < 0.13 for s in ("test", "validation"))


def test_pictures_too_large_for_the_memory_lie_on_disk(captioned_folder, monkeypatch, tmp_path_factory):
    held = load([captioned_folder], "train", size=16)
    monkeypatch.setattr("training.data.MEMORY_SHARE", 0.0)
    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr("training.data.BLANK", bytes(100))
    paged = load([captioned_folder], "train", size=16)
    assert torch.equal(paged.pixels, held.pixels)
    assert paged.pixels.is_shared()
    assert not any(scratch.iterdir())  # nothing is left behind


def test_broken_and_missing_files_are_skipped_and_counted(captioned_folder):
    (captioned_folder / "images" / "0.png").write_bytes(b"broken")
    (captioned_folder / "images" / "1.png").unlink()
    data = load([captioned_folder], "train", size=16)
    assert (len(data), sorted(data.skipped)) == (7, ["images/0.png", "images/1.png"])
    assert data.pixels.shape == (7, 3, 16, 16)
    assert data.pixels[0].float().mean((1, 2)).argmax() == 2  # the first that is left is blue, as its record says
    assert data.records[0].captions[0] == "a blue flower"


def test_pictures_without_captions_are_used_where_none_is_needed(captioned_folder):
    metadata = captioned_folder / "metadata.jsonl"
    rows = [json.loads(line) for line in metadata.read_text().splitlines()]
    rows[0]["captions"], rows[1]["captions"] = [], None
    metadata.write_text("\n".join(map(json.dumps, rows)))
    assert len(load([captioned_folder], "train", size=8)) == 7
    assert len(load([captioned_folder], "train", size=8, captioned=False)) == 9


def test_no_path_leaves_the_folder(captioned_folder):
    Image.new("RGB", (4, 4)).save(captioned_folder.parent / "secret.png")
    (captioned_folder / "metadata.jsonl").write_text(json.dumps({"file_name": "../secret.png", "text": "x"}))
    with pytest.raises(InputError) as caught:
        read(captioned_folder)
    assert caught.value.code == "data_outside"


def test_metadata_that_is_a_link_out_of_the_folder_is_refused(captioned_folder):
    (captioned_folder / "metadata.jsonl").rename(captioned_folder.parent / "elsewhere.jsonl")
    (captioned_folder / "metadata.jsonl").symlink_to(captioned_folder.parent / "elsewhere.jsonl")
    with pytest.raises(InputError) as caught:
        read(captioned_folder)
    assert caught.value.code == "data_outside"


def test_a_row_of_a_hub_data_set_names_only_pictures_that_were_downloaded(captioned_folder, tmp_path, monkeypatch):
    import datasets

    cache, secret = tmp_path / "cache", captioned_folder / "images" / "0.png"
    cache.mkdir()
    shutil.copy(secret, cache / "0.png")
    (cache / "link.png").symlink_to(secret)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", cache)
    assert cached(str(cache / "0.png")) == secret.read_bytes()
    for path in (secret, cache / "link.png", cache / ".." / "pictures" / "images" / "0.png", cache / "gone.png", None):
        assert cached(path and str(path)) == b""
    rows = {"image": [str(secret), str(cache / "0.png")], "text": ["one", "two"]}
    found = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    monkeypatch.setattr("datasets.load_dataset", lambda name: datasets.DatasetDict(train=found))
    assert [bool(r.image) for r in read("some-lab/some-pictures")] == [False, True]


@pytest.mark.parametrize("error", [RuntimeError("scripts are no longer supported"), DatasetsError("broken")])
def test_a_hub_data_set_that_cannot_be_loaded_gets_a_sentence(error, monkeypatch):
    def refuse(name):
        raise error

    monkeypatch.setattr("datasets.load_dataset", refuse)
    with pytest.raises(InputError) as caught:
        read("some-lab/some-pictures")
    assert caught.value.code == "data_unknown"


def test_a_hub_data_set_offline_gets_a_sentence():
    code = "from training.data import read; read('some-lab/some-pictures')"
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=offline, cwd=ROOT, capture_output=True, text=True)
    assert "'some-lab/some-pictures' is neither a folder nor a data set" in done.stderr


def test_an_empty_folder_gets_a_sentence(tmp_path):
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.code == "data_empty"


def test_a_split_without_pictures_gets_its_own_sentence():
    with pytest.raises(InputError) as caught:
        load_pixels([], 8, crop=True)
    assert caught.value.code == "split_empty"


def test_rows_of_one_picture_are_one_picture(captioned_folder):
    (captioned_folder / "metadata.jsonl").unlink()
    with open(captioned_folder / "metadata.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("image", "caption", "caption_source", "split"))
        writer.writerow(("images/1.png", "one", "human", "val"))
        writer.writerow(("images/0.png", "a red flower", "human", "Training"))
        writer.writerows(("images/1.png", said, "human", "val") for said in ("two", "one"))
        writer.writerow(("images/0.png", "a thing", "predicted by lstm", "Training"))
    first, second = read(captioned_folder)
    assert (first.name, first.captions, first.split) == ("images/1.png", ("one", "two"), "validation")
    assert second.captions == ("a red flower", "a thing")
    assert second.facts["caption_source"] == "predicted by lstm"


@pytest.mark.parametrize(("told", "split"), [("VAL", "validation"), ("dev", "validation"), ("Testing", "test"),
                                             ("training", "train"), ("extra", "extra")])  # fmt: skip
def test_splits_go_by_our_names(captioned_folder, told, split):
    row = {"file_name": "images/0.png", "text": "a red flower", "split": told}
    (captioned_folder / "metadata.jsonl").write_text(json.dumps(row))
    assert [r.split for r in read(captioned_folder)] == [split]


def test_metadata_may_lie_in_one_folder_a_split(captioned_folder):
    (captioned_folder / "metadata.jsonl").unlink()
    for place, number, more in (("train", 0, {}), ("val", 1, {}), ("others", 2, {"split": "test"})):
        (captioned_folder / place).mkdir()
        shutil.copy(captioned_folder / "images" / f"{number}.png", captioned_folder / place / "a.png")
        row = {"file_name": "a.png", "text": f"picture {number}", **more}
        (captioned_folder / place / "metadata.jsonl").write_text(json.dumps(row))
    records = read(captioned_folder)
    assert [r.name for r in records] == ["others/a.png", "train/a.png", "val/a.png"]
    assert [r.split for r in records] == ["test", "train", "validation"]
    assert [r.captions for r in records] == [("picture 2",), ("picture 0",), ("picture 1",)]
    assert {r.domain for r in records} == {"pictures"}
    assert len(load_pixels(records, 8, crop=True)) == 3


def test_copies_of_a_picture_are_folded_together(captioned_folder):
    records = read(captioned_folder)[:9]
    copies = [replace(r, name=f"copies/{k}.png") for k, r in enumerate(records)]
    for fold in range(3):
        assert [r.split for r in refold(copies, 3, fold)] == [r.split for r in refold(records, 3, fold)]


def test_every_picture_that_is_not_test_is_validated_on_once(captioned_folder):
    records = read(captioned_folder)
    validated = [r.name for k in range(3) for r in refold(records, 3, k) if r.split == "validation"]
    assert sorted(validated) == sorted(r.name for r in records if r.split != "test")
    assert [r.split for r in refold(records, 0, 0)] == [r.split for r in records]
    for folds, fold in ((3, 3), (1, 0), (3, -1)):
        with pytest.raises(InputError):
            refold(records, folds, fold)
