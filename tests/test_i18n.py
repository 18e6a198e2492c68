"""Both languages say everything: equal tables, equal placeholders, and no string of the page outside them."""

import ast
import re
import string
from pathlib import Path

import pytest

from pipelines.errors import SENTENCES, InputError
from tabs.i18n import EN, ZH, sentence, text
from tabs.results import CAPTIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = [ROOT / "app.py", *(path for path in sorted((ROOT / "tabs").glob("*.py")) if path.name != "i18n.py")]
SHOWN = ("label", "info", "placeholder", "title", "message")  # arguments of components and messages
NAMES = {"Tuwen 图文"}  # the product's own name, the same in both languages
LETTERS = re.compile(r"[^\W\d_]")


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_tables_have_the_same_keys():
    assert EN.keys() == ZH.keys()


def test_every_error_has_its_sentence():
    assert {f"error.{code}" for code in SENTENCES} <= ZH.keys()


@pytest.mark.parametrize("key", EN)
def test_translations_use_the_same_values(key):
    assert placeholders(EN[key]) == placeholders(ZH[key])


def test_chinese_is_translated():
    same = {key for key in EN if EN[key] == ZH[key]}
    names = {
        "create.model_mlp-gan", "compare.gan", "describe.lstm", "describe.transformer", "describe.english",
        "describe.chinese",
    }  # fmt: skip
    assert same <= names | {f"results.{measure}" for measure in CAPTIONS}


def test_an_unknown_language_falls_back_to_english():
    assert text("describe.time", "fr", seconds="1.00") == "1.00 s"


def test_values_of_an_error_cannot_bring_html_into_the_page():
    shown = sentence(InputError("image_unreadable", name="<img src=x onerror=alert(1)>"), "zh")
    assert "<" not in shown
    assert "&lt;img" in shown


def shown_strings(path: Path) -> list[tuple[int, str]]:
    """Constant texts that `path` hands to a component or writes between tags."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[0] in ("gr", "Slider", "Picture"):
            values = [word.value for word in node.keywords if word.arg in SHOWN]
            texts = [value.value for value in [*values, *node.args[:1]] if isinstance(value, ast.Constant)]
            found += [(node.lineno, value) for value in texts if isinstance(value, str)]
        if isinstance(node, ast.JoinedStr):
            pieces = "".join(v.value if isinstance(v, ast.Constant) else "0" for v in node.values)
            if "<" in pieces:
                found.append((node.lineno, re.sub(r"<[^>]*>", "", pieces)))
    return found


@pytest.mark.parametrize("path", PAGE, ids=lambda path: path.name)
def test_no_text_of_the_page_stands_outside_the_tables(path):
    stray = [(line, value) for line, value in shown_strings(path) if LETTERS.search(value) and value not in NAMES]
    assert stray == []


def test_the_search_for_stray_text_finds_some(tmp_path):
    page = tmp_path / "page.py"
    page.write_text('gr.Button("Go")\ngr.Textbox(label="Name")\nf"<p class={x}>Hello {x}</p>"\ngr.HTML(label("a.b"))\n')
    assert [value for _, value in shown_strings(page)] == ["Go", "Name", "Hello 0"]
