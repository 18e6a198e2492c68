"""What the server hands out: the page, its results, and nothing else of this computer."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tabs.language import SCRIPT

ROOT = Path(__file__).resolve().parents[2]


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_language_script_runs_before_all_others(address):
    status, page = fetch(address)
    assert status == 200
    assert page.decode().index(SCRIPT) < page.decode().index("<script", page.decode().index(SCRIPT) + 1)
    assert page.count(SCRIPT.encode()) == 1


@pytest.mark.parametrize("path", ["app.py", "Makefile", "pipelines/errors.py", "assets/examples/cat.webp"])
def test_files_of_the_project_are_not_served(address, path):
    for kind in ("gradio_api/file=", "file="):
        assert fetch(f"{address}/{kind}{ROOT / path}")[0] in (403, 404)


def test_files_of_the_computer_are_not_served(address):
    assert fetch(f"{address}/gradio_api/file=/etc/passwd")[0] in (403, 404)


def test_no_history_no_monitoring_and_no_analytics(address):
    config = json.loads(fetch(f"{address}/config")[1])
    assert not config["run_history"]
    assert not config["analytics_enabled"]
    assert fetch(f"{address}/monitoring")[0] in (403, 404)
