"""A real server in a process of its own, and a headless Chromium in front of it."""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tabs.i18n import text
from tests.tiny_pipelines import save_tiny_blip, save_tiny_stable_diffusion

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def address(tmp_path_factory) -> Iterator[str]:
    """Address of the page, as `make demo` serves it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    models = tmp_path_factory.mktemp("models")
    save_tiny_stable_diffusion(models / "tiny-sd")
    save_tiny_blip(models / "tiny-blip")
    command = [sys.executable, "-u", "app.py", "--port", str(port), "--models", str(models), "--mcp"]
    command += ["--runs", str(tmp_path_factory.mktemp("runs"))]
    with open(log, "w") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
    try:
        url = f"http://127.0.0.1:{port}"
        while not answers(url):
            assert server.poll() is None, log.read_text()
        yield url
    finally:
        server.terminate()
        server.wait()


def answers(url: str) -> bool:
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None and "CI" not in os.environ:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    assert program, "CI needs a Chromium: .ci/run installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


expect.set_options(timeout=60_000)  # the first call loads its model


class Visit:
    """One visitor's page. `outside` collects requests that leave this machine, `errors` what the console reports."""

    def __init__(self, browser: Browser, address: str, query: str = "", **options):
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(60_000)
        self.page: Page = self.context.new_page()
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.note(request.url, address))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(address + query)
        self.page.locator("#prompt textarea, #prompt input").wait_for()

    def note(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.outside.append(url)

    def create(self, prompt: str) -> None:
        self.fill("#prompt", prompt).press("Enter")

    def fill(self, name: str, value: str) -> Locator:
        """Type into a box, or beside a slider, until the value stays, and return it."""
        box = self.page.locator(f"{name} :is(textarea, input):not([type=range])")
        for _ in range(5):
            box.fill(value)
            self.settle()
            if box.input_value() == value:
                return box
        raise AssertionError(f"{name} does not keep {value!r}")

    def open(self, tab: str) -> None:
        """Open a tab by its key in the table of strings."""
        names = "|".join(text(f"{tab}.tab", language) for language in ("en", "zh"))
        self.page.get_by_role("tab", name=re.compile(f"^({names})$")).click()
        self.settle()

    def settle(self) -> None:
        """Wait until the page has nothing more to do: new controls take their first values late, colours fade in."""
        self.page.evaluate("""async () => {
            await new Promise(done => requestAnimationFrame(() => requestIdleCallback(done)))
            await Promise.allSettled(document.getAnimations()
                .filter(each => each.effect.getTiming().iterations !== Infinity).map(each => each.finished))
        }""")

    def upload(self, path: Path) -> None:
        with self.page.expect_response(lambda response: "/upload" in response.url):
            self.page.locator("#picture input[type=file]").set_input_files(path)

    def captions(self) -> dict[tuple[str, str], str]:
        """Captions shown, by captioner and language."""
        self.page.locator("#captions .card").first.wait_for()
        return {
            (card.get_attribute("data-model"), caption.get_attribute("lang")): caption.get_attribute("data-caption")
            for card in self.page.locator("#captions .card").all()
            for caption in card.locator(".sentence").all()
        }

    def message(self) -> str:
        """Text of the newest message; it is closed."""
        toast = self.page.locator(".toast-body").last
        toast.wait_for()
        text = toast.inner_text()
        toast.locator(".toast-close").click()
        toast.wait_for(state="detached")
        return text


@pytest.fixture
def visit(browser, address) -> Iterator:
    """Open the page as a visitor: `visit(locale="zh-CN", query="?seed=1", ...)`."""
    visits = []

    def open_page(**options) -> Visit:
        visits.append(Visit(browser, address, **options))
        return visits[-1]

    yield open_page
    for each in visits:
        each.context.close()
