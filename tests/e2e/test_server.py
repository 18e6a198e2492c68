"""What the server hands out: the page, its results, and nothing else of this computer."""

import asyncio
import base64
import io
import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

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
    arguments = ["a flower", model, 1, "0", False, 20, 3, "", "euler", pretrained, True, True, False, "en"]
    assert "event: error" in call(address, "create", *arguments)


@pytest.mark.parametrize(("steps", "guidance"), [(0, 3), (10_000, 3), (20, "nan"), (20, 99), ("many", 3)])
def test_a_call_with_settings_out_of_range_is_refused_and_the_next_one_works(address, steps, guidance):
    def make(steps, guidance):
        arguments = ["一朵花", "diffusion", 1, "0", False, steps, guidance, "", "euler", "", True, True, False, "en"]
        return call(address, "create", *arguments)

    assert "event: error" in make(steps, guidance)
    assert "event: complete" in make(1, 3)


PICTURE = base64.b64encode((ROOT / "assets/examples/cat.webp").read_bytes()).decode()


@pytest.fixture(scope="module")
def client(address) -> Client:
    return Client(address, verbose=False)


def test_the_calls_of_the_api_answer_with_plain_values(client):
    made = client.predict("一朵黄色的花", num_images=2, seed=3, api_name="/generate")
    assert made["seeds"] == [3, 4]
    with Image.open(io.BytesIO(base64.b64decode(made["images"][1]))) as picture:
        assert picture.size == (128, 128)
        assert "Seed: 4" in picture.info["parameters"]
    said = client.predict(PICTURE, language="zh", api_name="/caption")
    assert "猫" in said["captions"][0]
    assert client.predict(PICTURE, api_name="/recognize")["objects"][0]["en"] == "cat"
    scores = client.predict(PICTURE, ["a photo of a cat", "a red flower"], api_name="/align")["scores"]
    assert scores["a photo of a cat"] > scores["a red flower"]
    trip = client.predict("a yellow flower", num_images=2, seed=1, api_name="/roundtrip")
    assert {leg["seed"] for leg in trip["pictures"]} == {1, 2}


def test_assistants_find_the_same_calls_as_tools(address):
    async def use() -> tuple[set[str], str]:
        stream = streamable_http_client(f"{address}/gradio_api/mcp/")
        async with stream as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name for tool in (await session.list_tools()).tools}
            answer = await session.call_tool("caption", {"picture": PICTURE, "language": "en"})
            return tools, answer.content[0].text

    with ThreadPoolExecutor(1) as pool:  # the browser tests keep an event loop in this thread
        tools, answer = pool.submit(asyncio.run, use()).result()
    assert tools == {"generate", "caption", "recognize", "align", "roundtrip"}
    assert "cat" in answer


@pytest.mark.parametrize(("name", "arguments"), [
    ("/generate", {"prompt": "x", "model": "/tmp"}), ("/generate", {"prompt": "x", "num_images": 9}),
    ("/caption", {"picture": "/etc/passwd"}), ("/caption", {"picture": PICTURE, "model": "../weights/lstm"}),
    ("/recognize", {"picture": base64.b64encode(b"no picture").decode()}),
])  # fmt: skip
def test_a_call_that_makes_no_sense_is_one_sentence(client, name, arguments):
    with pytest.raises(AppError) as caught:
        client.predict(**arguments, api_name=name)
    assert str(caught.value).endswith(".")
    assert "unexpected" not in str(caught.value)
