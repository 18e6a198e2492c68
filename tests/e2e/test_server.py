"""What the server hands out: the page, its results, and nothing else of this computer."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tabs.language import script

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
    assert page.count(script().encode()) == 1
    assert page.index(script().encode()) == page.index(b"<script")


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


def call(address: str, name: str, *arguments) -> str:
    """The stream of events that answers one call of the API."""
    body = json.dumps({"data": arguments}).encode()
    request = urllib.request.Request(
        f"{address}/gradio_api/call/{name}", body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        event = json.loads(response.read())["event_id"]
    return fetch(f"{address}/gradio_api/call/{name}/{event}")[1].decode()


def test_a_call_cannot_name_a_file_of_the_computer(address):
    picture = {"path": str(ROOT / "assets/examples/cat.webp"), "meta": {"_type": "gradio.FileData"}}
    answer = call(address, "describe", picture, "lstm", "en", 3, 1, "en")
    assert "event: error" in answer
    assert "sentence" not in answer


@pytest.mark.parametrize(("model", "pretrained"), [("/tmp", ""), ("pretrained", "/tmp"), ("pretrained", "../weights")])
def test_a_call_cannot_name_a_model_that_is_not_offered(address, model, pretrained):
    arguments = ["a flower", model, 1, "0", False, 20, 3, "", "euler", pretrained, True, "en"]
    assert "event: error" in call(address, "generate", *arguments)


@pytest.mark.parametrize(("steps", "guidance"), [(0, 3), (10_000, 3), (20, "nan"), (20, 99), ("many", 3)])
def test_a_call_with_settings_out_of_range_is_refused_and_the_next_one_works(address, steps, guidance):
    def make(steps, guidance):
        arguments = ["一朵花", "diffusion", 1, "0", False, steps, guidance, "", "euler", "", True, "en"]
        return call(address, "generate", *arguments)

    assert "event: error" in make(steps, guidance)
    assert "event: complete" in make(1, 3)
