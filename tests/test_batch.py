"""Many pictures at once: what is taken in, what is refused, what is written, and that training reads it."""

import io
import json
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipelines import batch
from pipelines.__main__ import main
from pipelines.batch import FORMATS, MAX_BYTES, Row, collect, describe_all, export, predicted_by
from pipelines.errors import InputError
from pipelines.image_captioning.pipeline import load_captioner
from pipelines.recognition import load_recognizer
from tabs.batch import corrected_row, table, take_away
from tests.test_captioning import save_tiny_captioner
from training.data import PREDICTED, measured_by_people, read
from training.sources import read_source


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.jpg"):
        Image.new("RGB", (20, 20), "red").save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "a.txt").write_text("my own words\n", encoding="utf-8")
    (folder / "notes.pdf").write_bytes(b"x")
    return folder


def packed(tmp_path, *names: str, **contents: bytes):
    path = tmp_path / "pictures.zip"
    tmp_path.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, contents.get(name, b"x"))
    return path


def test_a_folder_its_files_and_its_zip_hold_the_same_pictures(pictures, tmp_path):
    rows = collect([pictures], tmp_path / "none")
    assert [(r.name, r.existing) for r in rows] == [("a.png", "my own words"), ("broken.png", ""), ("sub/b.jpg", "")]
    zipped = tmp_path / "z.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        for path in sorted(pictures.rglob("*.*")):
            archive.write(path, path.relative_to(pictures))
    unpacked = collect([zipped], tmp_path / "unpacked")
    assert [(r.name, r.existing) for r in unpacked] == [(r.name, r.existing) for r in rows]
    assert all(r.path.is_relative_to(tmp_path / "unpacked") for r in unpacked)
    assert len(collect([pictures / "a.png", pictures / "a.txt"], tmp_path / "none")) == 1


def test_two_files_of_one_name_are_both_kept(pictures, tmp_path):
    other = tmp_path / "other" / "a.png"
    other.parent.mkdir()
    Image.new("RGB", (8, 8)).save(other)
    rows = collect([pictures / "a.png", other], tmp_path / "none")
    assert [(row.name, row.path) for row in rows] == [("a.png", pictures / "a.png"), ("1-a.png", other)]


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "C:\\out.png"])
def test_a_zip_that_points_out_of_itself_is_refused(tmp_path, name):
    with pytest.raises(InputError) as caught:
        collect([packed(tmp_path, name)], tmp_path / "unpacked")
    assert caught.value.code == "zip_path"
    assert not (tmp_path / "unpacked").exists()


def test_a_link_in_a_zip_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as archive:
        link = zipfile.ZipInfo("a.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError) as caught:
        collect([tmp_path / "l.zip"], tmp_path / "unpacked")
    assert caught.value.code == "zip_path"


def test_a_bomb_is_refused_before_it_unpacks(tmp_path, monkeypatch):
    declared = zipfile.ZipFile.infolist

    def huge(self):
        members = declared(self)
        members[0].file_size = MAX_BYTES + 1
        return members

    monkeypatch.setattr(zipfile.ZipFile, "infolist", huge)
    with pytest.raises(InputError) as caught:
        collect([packed(tmp_path, "a.png")], tmp_path / "unpacked")
    assert caught.value.code == "zip_large"
    assert not (tmp_path / "unpacked").exists()


def test_a_large_file_in_a_zip_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "MAX_FILE_BYTES", 3)
    zipped = packed(tmp_path, "a.png", **{"a.png": b"four"})
    with pytest.raises(InputError) as caught:
        collect([zipped], tmp_path / "unpacked")
    assert caught.value.code == "zip_large"


def test_what_macos_puts_beside_pictures_is_left_out(tmp_path):
    rows = collect([packed(tmp_path, "a.png", "__MACOSX/._a.png", "._b.png")], tmp_path / "unpacked")
    assert [row.name for row in rows] == ["a.png"]


def test_two_zips_of_the_same_names_lose_nothing(tmp_path):
    zips = [packed(tmp_path / str(k), "1.png", "1.txt", **{"1.txt": words}) for k, words in enumerate((b"one", b"two"))]
    rows = collect(zips, tmp_path / "unpacked")
    assert [(row.name, row.existing) for row in rows] == [("1.png", "one"), ("1-1.png", "two")]


def test_a_file_that_is_no_picture_has_a_line_that_says_so(pictures, tmp_path):
    rows = describe_all(collect([pictures / "notes.pdf", pictures / "a.png"], tmp_path / "none"), [], existing="skip")
    assert [bool(row.error) for row in rows] == [True, False]


@pytest.mark.parametrize(("names", "code"), [
    ([f"{k}.png" for k in range(9)], "batch_many"), (["notes.pdf"], "batch_empty"), ([], "batch_empty"),
])  # fmt: skip
def test_too_many_and_none_are_said(tmp_path, names, code):
    with pytest.raises(InputError) as caught:
        collect([packed(tmp_path, *names)], tmp_path / "unpacked", limit=4)
    assert caught.value.code == code


def deflated() -> bytes:
    """A zip whose packed content is damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(range(256)) * 8)
    content = bytearray(buffer.getvalue())
    content[40:60] = b"\xff" * 20
    return bytes(content)


@pytest.mark.parametrize("content", [b"PK no zip", deflated()], ids=["no zip", "damaged"])
def test_a_broken_zip_is_said(tmp_path, content):
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(InputError) as caught:
        collect([tmp_path / "b.zip"], tmp_path / "unpacked")
    assert caught.value.code == "zip_broken"


@pytest.mark.parametrize(("existing", "kept", "new"), [
    ("skip", True, False), ("overwrite", False, True), ("append", True, True),
])  # fmt: skip
def test_existing_captions_are_kept_replaced_or_added_to(recognizing_weights, pictures, tmp_path, existing, kept, new):
    save_tiny_captioner(recognizing_weights / "lstm", "lstm", grid_size=7)
    captioner, counted = load_captioner("lstm"), []
    rows = describe_all(
        collect([pictures], tmp_path), [captioner], existing=existing, recognize=load_recognizer(),
        on_picture=counted.append,
    )  # fmt: skip
    assert counted == [1, 2, 3]
    first, broken, other = rows
    assert first.captions[0].startswith("my own words") == kept
    assert (first.captions != ("my own words",)) == new
    assert "broken.png" in broken.error
    assert other.captions[0]
    assert not broken.captions
    assert first.source == ("predicted by lstm" if new else "")  # what was there and is kept, no model wrote
    assert (broken.source, other.source) == ("", "predicted by lstm")


ROWS = [
    Row("a.png", None, captions=("a red dog", "a dog"), source="predicted by lstm"),
    Row("s/b.jpg", None, captions=("猫",), source="corrected by hand"), Row("c.png", None),
]  # fmt: skip


def test_what_is_written_is_what_the_formats_say(tmp_path):
    files = {kind: export(ROWS, kind, tmp_path / kind) for kind in FORMATS}
    coco = json.loads(files["coco"].read_text(encoding="utf-8"))
    assert [i["file_name"] for i in coco["images"]] == ["a.png", "s/b.jpg"]
    assert [(a["image_id"], a["caption"]) for a in coco["annotations"]] == [(0, "a red dog"), (0, "a dog"), (1, "猫")]
    with zipfile.ZipFile(files["txt"]) as archive:
        assert archive.read("s/b.txt").decode() == "猫\n"
        assert archive.namelist() == ["a.txt", "s/b.txt"]
    with pytest.raises(InputError):
        export(ROWS, "pickle", tmp_path)


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_training_reads_it_at_once(tmp_path, kind):
    for row in ROWS[:2]:
        (tmp_path / row.name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / row.name)
    path = export(ROWS, kind, tmp_path)
    path.rename(tmp_path / f"metadata.{kind}")
    first, second = read(tmp_path)
    assert (first.captions, second.captions) == (("a red dog", "a dog"), ("猫",))
    assert [r.facts["caption_source"] for r in (first, second)] == ["predicted by lstm", "corrected by hand"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "coco"])
def test_no_model_is_measured_by_what_was_exported_and_not_read(tmp_path, kind, language):
    said = ("a red dog", "a dog") if language == "en" else ("红色的狗", "狗")
    rows = [
        Row(f"{k}.png", None, captions=(caption,), source=source)
        for k, (caption, source) in enumerate(zip(said, (predicted_by("lstm"), "corrected by hand"), strict=True))
    ]
    for row in rows:
        Image.new("RGB", (8, 8)).save(tmp_path / row.name)
    path = export(rows, kind, tmp_path, language)
    records = [measured_by_people(replace(r, split="test")) for r in read_source(str(path))]
    assert [bool(r.captions or r.captions_zh) for r in records] == [False, True]


def test_one_predicted_caption_of_coco_marks_those_of_its_language(tmp_path):
    said = [("a dog", "human"), ("a cat", "predicted by lstm"), ("a dog", ""), ("狗", "human")]
    annotations = [{"image_id": 0, "caption": caption, "caption_source": source} for caption, source in said]
    coco = {"images": [{"id": 0, "file_name": "a.png"}], "annotations": annotations}
    (tmp_path / "coco.json").write_text(json.dumps(coco), encoding="utf-8")
    (record,) = read_source(str(tmp_path / "coco.json"))
    assert record.facts == {"caption_source": "predicted by lstm", "caption_zh_source": "human"}


def test_chinese_among_the_captions_of_a_table_keeps_its_source(tmp_path):
    row = {"file_name": "a.png", "captions": ["狗"], "caption_source": "predicted by lstm"}
    (tmp_path / "a.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (record,) = read_source(str(tmp_path / "a.jsonl"))
    assert (record.captions_zh, record.facts["caption_zh_source"]) == (("狗",), "predicted by lstm")


def test_only_what_was_changed_in_the_table_is_corrected_by_hand():
    row = Row("a.png", None, captions=("a red dog", "a dog"), source=predicted_by("lstm", "transformer"))
    assert corrected_row(row, ("a red dog ", "a dog")).source == "predicted by lstm and transformer"
    corrected = corrected_row(row, ("a red cat", "a dog"))
    assert (corrected.captions[0], corrected.source) == ("a red cat", "corrected by hand")
    alone = replace(row, captions=("a red dog",))  # its line has a cell of the other captioner
    assert corrected_row(alone, ("a red dog", "")).source == row.source
    assert not corrected.source.startswith(PREDICTED)


def test_what_is_taken_away_tells_which_captions_were_corrected():
    lines = [["a.png", "a red dog", "a dog", "", ""], ["s/b.jpg", "狗", "", "", ""], ["c.png", "", "", "", ""]]
    rows = [replace(row, source="predicted by lstm") for row in ROWS]
    path = Path(take_away(lines, (rows, "en"), "jsonl")["value"])
    written = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [line["caption_source"] for line in written] == ["predicted by lstm", "corrected by hand"]


def test_the_command_line_writes_one_file_and_names_what_failed(tiny_weights, pictures, tmp_path, capsys):
    save_tiny_captioner(tiny_weights / "lstm", "lstm", grid_size=7)
    arguments = ["caption", str(pictures), "--model", "lstm", "--export", "jsonl", "--out", str(tmp_path), "--json"]
    assert main(arguments) == 1
    result = json.loads(capsys.readouterr().out)
    assert (result["pictures"], list(result["failed"])) == (3, ["broken.png"])
    lines = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["caption_source"] for line in lines] == ["", "predicted by lstm"]


def test_an_export_by_the_model_of_a_folder_does_not_tell_where_it_lies(tiny_weights, pictures, tmp_path):
    save_tiny_captioner(tmp_path / "models" / "my-own", "lstm", grid_size=7)
    arguments = ["--model", str(tmp_path / "models" / "my-own"), "--export", "csv", "--out", str(tmp_path)]
    main(["caption", str(pictures), "--existing", "overwrite", *arguments])
    written = (tmp_path / "captions.csv").read_text(encoding="utf-8")
    assert written.count(",predicted by my-own") == 2
    assert str(tmp_path) not in written


def test_several_captions_of_each_picture_are_written(tiny_weights, pictures, tmp_path):
    save_tiny_captioner(tiny_weights / "lstm", "lstm", grid_size=7)
    picture = str(pictures / "sub" / "b.jpg")
    main(["caption", picture, "--model", "lstm", "--num-captions", "2", "--export", "jsonl", "--out", str(tmp_path)])
    assert len(json.loads((tmp_path / "metadata.jsonl").read_text(encoding="utf-8"))["captions"]) == 2


def test_the_table_has_a_column_for_each_captioner():
    shown = table(ROWS, ("lstm", "transformer"), "en")["value"]
    assert len(shown["headers"]) == 5
    assert [len(line) for line in shown["data"]] == [5, 5, 5]
