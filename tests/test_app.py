"""The front door: its options, its guards, and a page that waits for no model."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_is_built_without_torch():
    code = "import sys, app; app.build_app(); print(sorted({'torch', 'transformers'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_option():
    done = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for option in ("--host", "--port", "--share", "--auth", "--model", "--captioner", "--weights", "--data"):
        assert option in done.stdout


def test_model_calls_wait_for_each_other():
    page = app.build_app()
    calls = [fn for fn in page.fns.values() if fn.concurrency_id == "model"]
    assert {fn.api_name for fn in calls} >= {"generate", "caption", "recognize", "align", "roundtrip"}
    assert {fn.concurrency_limit for fn in calls} == {1}
    assert page._queue.max_size == app.MAX_QUEUE


def test_a_public_link_is_never_open(capsys):
    first, second = app.credentials(None, share=True), app.credentials(None, share=True)
    assert first[0] == "tuwen"
    assert first[1] != second[1]
    assert len(first[1]) >= 16
    assert first[1] in capsys.readouterr().out


def test_no_password_is_asked_for_at_home():
    assert app.credentials(None, share=False) is None


def test_given_credentials_are_used_and_may_hold_a_colon():
    assert app.credentials("ada:love:lace", share=True) == ("ada", "love:lace")


@pytest.mark.parametrize("auth", ["ada", "ada:", ":lovelace"])
def test_half_credentials_are_refused(auth):
    with pytest.raises(SystemExit, match="USER:PASSWORD"):
        app.credentials(auth, share=False)


@pytest.mark.parametrize("guard", [["--share"], ["--auth", "ada:lovelace"]])
def test_tools_are_refused_where_a_password_would_lock_them_out(guard):
    with pytest.raises(SystemExit, match="without a password"):
        app.main(["--mcp", *guard])


@pytest.mark.parametrize("option", ["--per-minute", "--max-queue"])
def test_a_limit_is_a_number(option, capsys):
    with pytest.raises(SystemExit):
        app.parse_arguments([option, "-1"])
    assert "no whole number" in capsys.readouterr().err


def test_examples_are_the_projects_own_and_small():
    pictures = [Path(path) for path in app.example_pictures(None)]
    assert len(pictures) >= 4
    licences = (ROOT / "assets/examples/README.md").read_text()
    for path in pictures:
        assert path.name in licences
        assert path.stat().st_size < 60_000


def test_examples_may_come_from_a_data_folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("b.webp", "a.JPG", "notes.txt"):
        (tmp_path / "images" / name).write_bytes(b"")
    assert [Path(path).name for path in app.example_pictures(tmp_path)] == ["a.JPG", "b.webp"]


@pytest.mark.parametrize("wrong", [{"model": "gun"}, {"captioner": "lsd"}])
def test_an_unknown_model_is_said_with_the_known_ones(wrong):
    with pytest.raises(SystemExit, match=r"no model '\w+'.*(gan|lstm)"):
        app.build_app(**wrong)


def test_a_taken_port_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match="is taken"):
            app.main(["--port", str(taken.getsockname()[1])])


def test_a_missing_data_folder_is_said(tmp_path):
    with pytest.raises(SystemExit, match="no folder"):
        app.example_pictures(tmp_path / "nowhere")
