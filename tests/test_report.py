"""The report counts what is there, finds what straddles splits, and is one page that fetches and runs nothing."""

import json
import re
import shlex
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from pipelines.errors import InputError
from training.advice import advise, median
from training.data import Record, read
from training.draw_shapes import draw_sample_set
from training.metadata import encode, read_rows
from training.picture_survey import main_hue, survey
from training.prepare import PrepareConfig, prepare
from training.report import chart, main, page

SAMPLE = Path(__file__).resolve().parent.parent / "assets" / "sample-set"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Part of the sample set with everything that a report should find."""
    folder = tmp_path / "mine"
    (folder / "images").mkdir(parents=True)
    rows = read_rows(SAMPLE / "metadata.jsonl")[::4]
    for row in rows:
        shutil.copy(SAMPLE / row["file_name"], folder / "images")
        row["split"] = "train"
    first, second = (folder / row["file_name"] for row in rows[:2])
    shutil.copy(first, folder / "images" / "same.webp")
    Image.open(second).resize((50, 50)).save(folder / "images" / "near.jpg", quality=70)
    (folder / "images" / "broken.png").write_bytes(b"x")
    rows += [{**rows[0], "file_name": "images/same.webp"}, {**rows[1], "file_name": "images/near.jpg", "split": "test"}]
    rows += [{"file_name": "images/broken.png"}]
    rows[2] |= {"captions": ["<script>alert('&')</script>"], "label": "<b>bold</b>"}
    rows[3] |= {"captions": [], "captions_zh": []}
    rows[4] |= {"caption_source": "predicted by transformer"}
    (folder / "metadata.jsonl").write_bytes(encode(rows))
    return folder


def test_figures_are_those_of_the_folder(folder):
    figures, readable = survey(read(folder))
    assert (figures.num_pictures, len(readable), figures.splits) == (26, 26, {"train": 25, "test": 1})
    assert list(figures.unreadable) == ["images/broken.png"]
    assert figures.sizes == {"64 × 64": 25, "50 × 50": 1}
    names = [record.name for record in readable]
    assert figures.exact == [[names[0], "images/same.webp"]]
    assert figures.near == [[names[1], "images/near.jpg"]]
    assert figures.leaks == figures.near
    assert (figures.class_fact, sum(figures.classes.values())) == ("label", 26)
    captions = figures.captions
    assert (captions.without_any, captions.predicted) == (1, 1)
    assert captions.num_english == sum(len(r.captions) for r in readable) == sum(captions.lengths["en"].values())
    assert captions.words["background"] == 24
    assert set(captions.shared) == {*readable[1].captions, *readable[1].captions_zh}


def test_advice_follows_the_figures(folder):
    figures, _ = survey(read(folder))
    said = " ".join(one.sentence for one in advise(figures, "mine"))
    for part in (
        "several splits (1 group)", "validation split", "1 picture can't be read", "only 26 pictures",
        "have no caption", "Exact copies of other pictures: 1", "side of 50 pixels", "A model predicted",
    ):  # fmt: skip
        assert part in said
    clean = replace(figures, leaks=[], unreadable={}, exact=[], near=[])
    assert "several splits" not in " ".join(one.sentence for one in advise(clean, "mine"))
    uneven = replace(figures, classes={"flower": 20, "leaf": 6}, hues={"red": 20, "blue": 6})
    said = " ".join(one.sentence for one in advise(uneven, "mine"))
    assert "“flower” dominates with 77 %" in said
    assert "mostly red" in said


def test_commands_in_the_advice_can_be_copied_into_a_shell(folder):
    figures, _ = survey(read(folder))
    said = " ".join(one.sentence for one in advise(figures, "my data/it's; ls"))
    for command in ("training.prepare", "training.fill"):
        assert shlex.split(re.search(rf"python -m {command} (.+?)( --out|\.(?= |$))", said)[1]) == ["my data/it's; ls"]


class Tags(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_is_whole_escaped_and_alone(folder, tmp_path):
    assert main([str(folder), "--out", str(tmp_path / "new" / "report.html")]) == 0
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    tags = Tags(text).found
    assert not {"script", "link", "iframe"} & {tag for tag, _ in tags}
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    addresses = [value for _, attrs in tags for name, value in attrs.items() if name in ("src", "href")]
    assert addresses
    assert all(address.startswith("data:image/webp;base64,") for address in addresses)
    assert not re.search(r"url\(|@import|https?://", text)
    assert any(attrs.get("http-equiv") == "Content-Security-Policy" for _, attrs in tags)
    assert len(text) < 300_000
    assert text.count("<h1>mine</h1>") == 1
    assert len(re.findall("<li>[^<]*broken.png", text)) == 1


def test_figures_as_json(folder, capsys):
    assert main([str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["splits"] == {"train": 25, "test": 1}
    assert found["advice"][0]["kind"] == "mend"


def test_what_was_prepared_leaks_nothing(folder, tmp_path):
    prepare([str(folder)], tmp_path / "out", PrepareConfig(size=48, validation=0.3, test=0.3))
    figures, _ = survey(read(tmp_path / "out"))
    assert figures.leaks == []
    assert len(figures.splits) == 3


def test_an_empty_folder_gets_its_sentence(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "no readable picture" in capsys.readouterr().err
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(InputError):
        survey(read(tmp_path))


def test_class_0_is_a_class(tmp_path):
    records = []
    for k in range(3):
        Image.new("RGB", (20, 20), (80 * k, 0, 0)).save(tmp_path / f"{k}.png")
        records.append(Record(f"{k}.png", "mine", tmp_path / f"{k}.png", facts={"label": None if k == 2 else 0}))
    figures, _ = survey(records)
    assert (figures.class_fact, figures.classes) == ("label", {"0": 2, "–": 1})


def test_pictures_without_captions_have_a_page_too(tmp_path):
    for k, colour in enumerate(("red", "blue")):
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{k}.png")
    figures, records = survey(read(tmp_path))
    assert "100 % of the pictures (2) have no caption" in page(figures, records, "x")


@pytest.mark.parametrize(("colour", "hue"), [
    ((220, 20, 20), "red"), ((230, 220, 30), "yellow"), ((20, 180, 30), "green"), ((30, 40, 220), "blue"),
    ((120, 122, 121), "grey"), ((0, 0, 0), "grey"),
])  # fmt: skip
def test_hues_have_their_names(colour, hue):
    assert main_hue(Image.new("RGB", (9, 9), colour)) == hue


def test_a_histogram_counts_everything_in_few_bars():
    drawn = chart(dict.fromkeys(range(100), 1))
    assert len(drawn["bars"]) <= 30
    assert sum(int(bar["title"].split(": ")[1]) for bar in drawn["bars"]) == 100
    assert chart({})["bars"] == []
    assert median({1: 1, 5: 3, 9: 1}) == 5


def test_the_sample_set_is_what_its_script_draws(tmp_path):
    draw_sample_set(tmp_path)
    shipped, again = (read_rows(folder / "metadata.jsonl") for folder in (SAMPLE, tmp_path))
    assert [{**row, "split": ""} for row in again] == [{**row, "split": ""} for row in shipped]
    assert sum(p.stat().st_size for p in SAMPLE.rglob("*")) < 400_000


def test_the_sample_set_is_fit_for_training():
    figures, records = survey(read(SAMPLE))
    assert figures.num_pictures == 96
    assert set(figures.splits) == {"train", "validation", "test"}
    assert (figures.unreadable, figures.leaks, figures.exact) == ({}, [], [])
    for record in records:
        assert (len(record.captions), len(record.captions_zh)) == (2, 1)
        assert all(record.facts["label"] in caption for caption in record.captions)
        assert record.facts["label_zh"] in record.captions_zh[0]
