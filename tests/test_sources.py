"""Sources that are broken, hostile or of an unknown kind get a sentence; nothing of theirs is read or left behind."""

import io
import tarfile

import pytest
from PIL import Image

from tests.test_prepare import pack, refusal
from training.shards import MAX_FILE_BYTES, read_tar


@pytest.mark.parametrize("name", ["../out.png", "/etc/out.png", "a/../../out.png", "..\\out.png", "C:\\out.png"])
def test_a_tar_that_points_out_of_itself_is_refused(tmp_path, name):
    path = pack(tmp_path / "t.tar", {"a.png": b"x", name: b"x"})
    assert refusal([str(path)], tmp_path / "out") == "tar_path"
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.tar"]


def test_links_large_members_and_broken_tars_are_refused(tmp_path):
    with tarfile.open(tmp_path / "l.tar", "w") as archive:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert refusal([str(tmp_path / "l.tar")], tmp_path / "out") == "tar_path"
    huge = tarfile.TarInfo("a.png")
    huge.size = MAX_FILE_BYTES + 1
    (tmp_path / "h.tar").write_bytes(huge.tobuf())  # declares more than it holds
    assert refusal([str(tmp_path / "h.tar")], tmp_path / "out") == "tar_large"
    (tmp_path / "b.tar").write_bytes(b"no tar")
    assert refusal([str(tmp_path / "b.tar")], tmp_path / "out") == "tar_broken"


def test_pickles_in_a_tar_are_never_read(tmp_path):
    path = pack(tmp_path / "t.tar", {"a.png": b"x", "a.pyd": b"x", "a.pkl": b"x", "a.json": b"{}"})
    ((_, parts),) = read_tar(path)
    assert sorted(parts) == ["json", "png"]


@pytest.mark.parametrize(("files", "source", "code"), [
    ({"notes.pdf": b"x"}, "", "data_empty"),
    ({"a.png": b"broken"}, "", "data_empty"),
    ({"a.csv": b"file_name,text\nx.png,one\ny.png,two\n"}, "a.csv", "data_none_there"),
    ({"a.csv": b"text\none\n"}, "a.csv", "metadata_row"),
    ({"a.jsonl": b'{"file_name": "../../x.png"}'}, "a.jsonl", "data_outside"),
    ({"a.jsonl": b"[1]"}, "a.jsonl", "metadata_row"),
    ({"a.jsonl": b'{"file_name": "\\u0000"}'}, "a.jsonl", "metadata_row"),
    ({"a.json": b'{"images": [{}], "annotations": []}'}, "a.json", "coco_broken"),
    ({"a.rar": b"x"}, "a.rar", "source_kind"),
    ({}, "missing.csv", "file_missing"),
])  # fmt: skip
def test_bad_sources_get_their_sentence(tmp_path, files, source, code):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert refusal([str(folder / source)], tmp_path / "out") == code
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a.txt", "metadata.jsonl", "train/metadata.csv", "b.tar"])
def test_a_link_out_of_the_source_is_not_read(tmp_path, name):
    secret = tmp_path / "secret"
    secret.write_text("file_name,text\nx.png,secret\n")
    (tmp_path / "in" / "train").mkdir(parents=True)
    if name == "b.tar":
        picture = io.BytesIO()
        Image.new("RGB", (20, 20)).save(picture, "PNG")
        pack(secret, {"a.png": picture.getvalue()})
    else:
        Image.new("RGB", (20, 20)).save(tmp_path / "in" / "a.png")
    (tmp_path / "in" / name).symlink_to(secret)
    assert refusal([str(tmp_path / "in")], tmp_path / "out") == "data_outside"
    assert not (tmp_path / "out").exists()
