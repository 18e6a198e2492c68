"""The language of the page: the browser's, unless the visitor chose the other one with the button in the head.

Gradio reads `navigator.language` before any script of ours may run, so a small script is put in front of its own.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tabs.i18n import TABLES, text

# what Gradio itself shows in English only, or not at all
WORDS = ("error.title", "status.processing", "status.queue", "describe.example")
SCRIPT = Path(__file__).resolve().parent.parent / "assets" / "language.js"


def script() -> str:
    """The script, with the words of our tables, as an HTML element."""
    words = {language: {key: text(key, language) for key in WORDS} for language in TABLES}
    return f"<script>{SCRIPT.read_text().replace('WORDS[', json.dumps(words, ensure_ascii=False) + '[')}</script>"


def spoken(headers: Mapping[str, str]) -> str:
    """The language of the page that sent a request: as chosen there (language.js keeps a cookie), or the browser's."""
    # other programs of this computer set cookies, too, and http.cookies gives up at the first odd one
    chosen = re.search(r"(?:^|;\s*)tuwen-language=(\w+)", headers.get("cookie", ""))
    language = chosen[1] if chosen else headers.get("accept-language", "en")
    return "zh" if language.startswith("zh") else "en"


class LanguageScript:
    """ASGI middleware that puts the script first into the head of every HTML page."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self.head = b"<head>" + script().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None  # the headers are held back until the body, whose length they state, is known
        body = b""

        async def send_with_script(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and is_html(message):
                start = message
            elif start is not None:
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    body = body.replace(b"<head>", self.head, 1)
                    headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
                    length = (b"content-length", str(len(body)).encode())
                    await send({**start, "headers": [*headers, length]})
                    await send({"type": "http.response.body", "body": body})
            else:
                await send(message)

        await self.app(scope, receive, send if scope["type"] != "http" else send_with_script)


def is_html(message: Message) -> bool:
    return any(k == b"content-type" and v.startswith(b"text/html") for k, v in message["headers"])
