"""Every kind of source gives the same folder; near duplicates share a split; what a killed run leaves is finished."""

import csv
import errno
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import InputError
from training.data import load, read
from training.duplicates import fingerprint, near_groups
from training.metadata import below, encode, read_rows, write_whole
from training.prepare import PrepareConfig, main, prepare
from training.splits import assign, drawn

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample-set"
SMALL = PrepareConfig(size=32)


def rows_of(folder: Path) -> list[dict]:
    return read_rows(folder / "metadata.jsonl")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refusal(*arguments, **keywords) -> str:
    with pytest.raises(InputError) as caught:
        prepare(*arguments, **keywords)
    return caught.value.code


def pack(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def as_folder(rows, source, place):
    return [source]


def as_csv(rows, source, place):
    with open(place / "table.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "caption"])
        writer.writerows([str(source / row["file_name"]), json.dumps(row["captions"])] for row in rows)
    return [place / "table.csv"]


def as_coco(rows, source, place):
    images = [{"id": k, "file_name": row["file_name"]} for k, row in enumerate(rows)]
    said = [{"image_id": k, "caption": c} for k, row in enumerate(rows) for c in row["captions"]]
    (place / "coco.json").write_text(json.dumps({"images": images, "annotations": said}))
    return [place / "coco.json"]


def as_tars(rows, source, place):
    for half in (0, 1):
        members = {}
        for row in rows[half * 6 : half * 6 + 6]:
            stem = Path(row["file_name"]).stem
            members[f"{stem}.txt"] = "\n".join(row["captions"]).encode()
            members[f"{stem}.png"] = (source / row["file_name"]).read_bytes()
        pack(place / f"{half}.tar", members)
    return [place / "0.tar", place / "1.tar"]


def as_sidecars(rows, source, place):
    for row in rows:
        shutil.copy(source / row["file_name"], place)
        (place / Path(row["file_name"]).with_suffix(".txt").name).write_text("\n".join(row["captions"]))
    return [place]


@pytest.mark.parametrize("form", [as_folder, as_csv, as_coco, as_tars, as_sidecars])
def test_every_kind_of_source_gives_the_same_pictures_captions_and_splits(captioned_folder, tmp_path, form):
    place = tmp_path / "place"
    place.mkdir()
    sources = form(rows_of(captioned_folder), captioned_folder, place)
    # names in a table start from the pictures' folder; those that lead out of it are refused
    done = prepare([str(s) for s in sources], tmp_path / "out", SMALL, pictures=captioned_folder)
    expected = {(f"{k}.png", tuple(row["captions"])) for k, row in enumerate(rows_of(captioned_folder))}
    found = rows_of(tmp_path / "out")
    assert {(Path(r["source_name"]).with_suffix(".png").name, tuple(r["captions"])) for r in found} == expected
    assert done.skipped == {}
    if form is not as_folder:
        prepare([str(captioned_folder)], tmp_path / "again", SMALL)
        splits = [{r["file_name"]: r["split"] for r in rows_of(tmp_path / f)} for f in ("out", "again")]
        assert splits[0] == splits[1]


def test_training_reads_it(captioned_folder, tmp_path):
    prepare([str(captioned_folder)], tmp_path / "out", PrepareConfig(size=32, keep_splits=True))
    before, after = read(captioned_folder), read(tmp_path / "out")
    for name in ("captions", "captions_zh", "split"):
        assert [getattr(r, name) for r in after] == [getattr(r, name) for r in before]
    assert after[0].facts["caption_source"] == "human"
    assert len(load([tmp_path / "out"], "train", 16)) == 9


def test_a_second_time_gives_the_same_and_the_source_stays(captioned_folder, tmp_path):
    before = contents(captioned_folder)
    prepare([str(captioned_folder)], tmp_path / "out", SMALL)
    first = contents(tmp_path / "out")
    prepare([str(captioned_folder)], tmp_path / "out", SMALL)
    assert contents(tmp_path / "out") == first
    assert contents(captioned_folder) == before
    prepare([str(captioned_folder)], tmp_path / "out", PrepareConfig(size=16))  # other settings replace it
    assert len(list((tmp_path / "out" / "images").iterdir())) == 12


@pytest.mark.parametrize(("side", "size"), [("shortest", (80, 40)), ("longest", (40, 20))])
def test_one_side_gets_the_size_and_nothing_is_enlarged(tmp_path, side, size):
    (tmp_path / "in").mkdir()
    Image.radial_gradient("L").resize((200, 100)).save(tmp_path / "in" / "large.png")
    Image.linear_gradient("L").resize((30, 20)).save(tmp_path / "in" / "small.png")
    prepare([str(tmp_path / "in")], tmp_path / "out", PrepareConfig(size=40, side=side))
    sizes = {Image.open(tmp_path / "out" / r["file_name"]).size for r in rows_of(tmp_path / "out")}
    assert sizes == {size, (30, 20)}


def test_odd_pictures_are_kept_and_broken_ones_counted(captioned_folder, tmp_path):
    images = captioned_folder / "images"
    (captioned_folder / "metadata.jsonl").unlink()
    Image.open(images / "0.png").convert("CMYK").save(images / "cmyk.jpg")
    Image.open(images / "1.png").convert("LA").save(images / "transparent.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (40, 20), "green").save(images / "turned.jpg", exif=turned)
    (images / "broken.png").write_bytes(b"broken")
    (images / "empty.png").write_bytes(b"")
    Image.new("RGB", (1, 1)).save(images / "dot.png")
    Image.new("RGB", (300, 9)).save(images / "stripe.png")
    done = prepare([str(captioned_folder)], tmp_path / "out", SMALL)
    assert sorted(Path(name).name for name in done.skipped) == ["broken.png", "dot.png", "empty.png", "stripe.png"]
    assert "1 × 1 pixels" in done.skipped["images/dot.png"]
    assert sum(done.splits.values()) == 15
    (row,) = [r for r in rows_of(tmp_path / "out") if "turned" in r["source_name"]]
    kept = Image.open(tmp_path / "out" / row["file_name"])
    assert kept.width < kept.height
    assert not kept.getexif()


def near_copies(folder: Path, out: Path) -> None:
    """The pictures of `folder`, each with a smaller, a recompressed and a darker copy."""
    out.mkdir()
    for path in sorted(folder.glob("*"))[::4]:
        image = Image.open(path)
        image.save(out / f"{path.stem}.png")
        image.resize((48, 48)).save(out / f"{path.stem}-small.png")
        image.save(out / f"{path.stem}-again.jpg", quality=60)
        image.point(lambda level: level * 0.95).save(out / f"{path.stem}-dark.png")


def test_near_duplicates_never_straddle_splits(tmp_path):
    near_copies(SAMPLE / "images", tmp_path / "in")
    prepare([str(tmp_path / "in")], tmp_path / "out", PrepareConfig(size=64, validation=0.3, test=0.3))
    splits = {}
    for row in rows_of(tmp_path / "out"):
        drawing = "-".join(Path(row["source_name"]).stem.split("-")[:2])
        splits.setdefault(drawing, set()).add(row["split"])
    assert len(splits) == 24
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {"train", "validation", "test"}


def test_drawings_of_other_colours_are_no_duplicates():
    images = [Image.open(p).convert("RGB") for p in sorted((SAMPLE / "images").glob("*.webp"))]
    assert len(near_groups([fingerprint(image) for image in images])) > 0.9 * len(images)
    flat = [fingerprint(Image.new("RGB", (32, 32), c)) for c in ("red", "blue", "red")]
    assert near_groups(flat) == [[0, 2], [1]]


def test_a_split_depends_on_no_other_picture_and_not_on_the_order():
    prints = [fingerprint(Image.open(p).convert("RGB")) for p in sorted((SAMPLE / "images").glob("*.webp"))[::6]]
    told = [""] * len(prints)
    whole = assign(prints, told, 0.3, 0.3, 0).names
    assert assign(prints[::-1], told, 0.3, 0.3, 0).names == whole[::-1]
    assert assign(prints[:5], told[:5], 0.3, 0.3, 0).names == whole[:5]


def test_told_splits_are_kept_and_copies_follow_the_test_split():
    one = fingerprint(Image.new("RGB", (32, 32), "red"))
    found = assign([one] * 3, ["train", "test", ""], 0.1, 0.1, 8)
    assert (found.names, found.straddling) == (["train", "test", "test"], 1)


def test_shares_are_those_asked_for():
    counts = [drawn(k.to_bytes(4), 0.1, 0.2) for k in range(4000)]
    assert abs(counts.count("validation") / 4000 - 0.1) < 0.02
    assert abs(counts.count("test") / 4000 - 0.2) < 0.02


def test_names_that_are_no_utf8_are_prepared_too(captioned_folder, tmp_path, capsys):
    (captioned_folder / "metadata.jsonl").unlink()
    images = captioned_folder / "images"
    for number, name in (("0", "红花"), ("1", "黄花")):
        os.rename(images / f"{number}.png", os.fsencode(images) + b"/" + f"{name}.png".encode("gbk"))
    (images / "broken\udcd6.png").write_bytes(b"broken")
    assert main([str(captioned_folder), "--out", str(tmp_path / "out"), "--size", "32"]) == 0
    assert len(rows_of(tmp_path / "out")) == 12
    assert "images/broken?.png" in capsys.readouterr().err
    assert encode([{"text": "half \ud83d"}]) == b'{"text": "half ?"}\n'


def test_a_table_with_a_row_a_caption_gives_one_picture_each(captioned_folder, tmp_path):
    with open(tmp_path / "table.csv", "w", encoding="utf-8", newline="") as file:
        rows = [[f"images/{k}.png", said] for k in (0, 1) for said in ("one", "two", "一")]
        csv.writer(file).writerows([["image", "caption"], *rows])
    prepare([str(tmp_path / "table.csv")], tmp_path / "out", SMALL, pictures=captioned_folder)
    assert [(r["captions"], r["captions_zh"]) for r in rows_of(tmp_path / "out")] == [(["one", "two"], ["一"])] * 2


def test_chinese_text_beside_a_picture_is_a_chinese_caption(captioned_folder, tmp_path):
    (captioned_folder / "metadata.jsonl").unlink()
    (captioned_folder / "images" / "0.txt").write_text("a red flower\n红色的花\n", encoding="utf-8")
    prepare([str(captioned_folder)], tmp_path / "out", SMALL)
    (row,) = [r for r in rows_of(tmp_path / "out") if r["source_name"] == "images/0.png"]
    assert (row["captions"], row["captions_zh"]) == (["a red flower"], ["红色的花"])


def test_skipped_pictures_of_one_name_are_each_counted(captioned_folder, tmp_path):
    for name in ("a/x", "b/x", "c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "broken.png").write_bytes(b"x")
    sources = [str(captioned_folder), *(str(tmp_path / name) for name in ("a/x", "b/x", "c"))]
    done = prepare(sources, tmp_path / "out", SMALL)
    assert list(done.skipped) == ["x/broken.png", "x/broken.png (2)", "c/broken.png"]


def test_missing_pictures_are_known_by_their_code_not_by_their_sentence(tmp_path):
    (tmp_path / "a.csv").write_text("file_name,text\nx.png,one\n")
    (tmp_path / "b.csv").write_text("file_name,text\nx.png,two\n")
    assert refusal([str(tmp_path / f"{k}.csv") for k in "ab"], tmp_path / "out") == "data_none_there"


def test_one_picture_is_too_few(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "in" / "a.png")
    assert refusal([str(tmp_path / "in")], tmp_path / "out") == "data_one"


def test_the_result_lies_apart_from_the_source_and_replaces_nothing(captioned_folder, tmp_path):
    source = str(captioned_folder)
    for out in (captioned_folder, captioned_folder / "out", captioned_folder.parent):
        assert refusal([source], out) == "out_in_source"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear")
    assert refusal([source], tmp_path / "mine") == "out_taken"
    assert refusal([source], tmp_path / "mine" / "diary.txt") == "out_taken"
    prepare([source], tmp_path / "out", SMALL)
    with open(tmp_path / "out" / "metadata.jsonl", "a") as file:
        file.write("\n")  # as by hand
    assert refusal([source], tmp_path / "out", SMALL) == "out_changed"
    assert refusal([source], tmp_path / "other", PrepareConfig(test=0.6, validation=0.4)) == "shares"
    assert refusal([source], tmp_path / "other", PrepareConfig(size=0)) == "size"


def test_a_full_disk_leaves_nothing_half_written(captioned_folder, tmp_path, monkeypatch):
    prepare([str(captioned_folder)], tmp_path / "old", SMALL)
    before, write = contents(tmp_path / "old"), Path.write_bytes

    def full(self, data):
        if self.name == "metadata.jsonl":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert refusal([str(captioned_folder)], tmp_path / "old", PrepareConfig(size=16)) == "disk_full"
    assert refusal([str(captioned_folder)], tmp_path / "new", SMALL) == "disk_full"
    monkeypatch.undo()
    assert contents(tmp_path / "old") == before
    assert not (tmp_path / "new").exists()


class Killed(BaseException):
    """What no handler of ours expects, as little as a kill."""


@pytest.mark.parametrize("number", [0, 1, 5, 12, 13])  # of the files moved, before which it is killed
@pytest.mark.parametrize("again", [False, True])
def test_what_is_left_of_a_run_killed_amid_its_commit_is_finished(
    captioned_folder, tmp_path, monkeypatch, number, again
):
    out, expected = tmp_path / "out", tmp_path / "expected"
    if again:
        prepare([str(captioned_folder)], out, PrepareConfig(size=16))
    prepare([str(captioned_folder)], expected, SMALL)
    replace, moved = os.replace, []

    def killed(source, target):
        if Path(target).parent in (out, out / "images"):
            if len(moved) == number:
                raise Killed
            moved.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(Killed):
        prepare([str(captioned_folder)], out, SMALL)
    monkeypatch.setattr(os, "replace", replace)
    assert refusal([str(tmp_path / "missing.csv")], out) == "file_missing"
    assert contents(out) == contents(expected)
    prepare([str(captioned_folder)], out, SMALL)
    assert contents(out) == contents(expected)


def test_what_was_changed_since_a_run_was_killed_is_kept(captioned_folder, tmp_path):
    prepare([str(captioned_folder)], tmp_path / "out", SMALL)
    (tmp_path / "out" / ".partial").mkdir()
    (tmp_path / "out" / "prepared.json").rename(tmp_path / "out" / ".partial" / "prepared.json")
    with open(tmp_path / "out" / "metadata.jsonl", "a") as file:
        file.write("\n")  # as by hand
    before = contents(tmp_path / "out")
    assert refusal([str(captioned_folder)], tmp_path / "out", SMALL) == "out_changed"
    assert contents(tmp_path / "out") == before


def test_metadata_goes_round_and_stays_in_its_folder(tmp_path):
    rows = [{"file_name": "a.png", "captions": ["one, two", "first\u2028second"], "label": "x"}, {"file_name": "b.png"}]
    for name in ("metadata.jsonl", "metadata.csv"):
        write_whole(tmp_path / name, encode(rows, Path(name).suffix))
        found = read_rows(tmp_path / name)
        assert [row["file_name"] for row in found] == ["a.png", "b.png"]
        captions = found[0]["captions"]
        assert (json.loads(captions) if name.endswith("csv") else captions) == rows[0]["captions"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["metadata.csv", "metadata.jsonl"]
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    with pytest.raises(InputError):
        below(tmp_path, "link.png")


def test_the_command_line_says_what_it_did_and_what_is_wrong(captioned_folder, tmp_path, capsys):
    (captioned_folder / "images" / "0.png").write_bytes(b"broken")
    assert main([str(captioned_folder), "--out", str(tmp_path / "out"), "--size", "32", "--keep-splits"]) == 0
    said = capsys.readouterr()
    assert "train 8, validation 1, test 2" in said.out
    assert "'images/0.png' can't be read" in said.err
    assert str(tmp_path) not in (tmp_path / "out" / "prepared.json").read_text()
    assert main([str(tmp_path / "missing.csv"), "--out", str(tmp_path / "x")]) == 2
    assert "There is no file 'missing.csv'" in capsys.readouterr().err
