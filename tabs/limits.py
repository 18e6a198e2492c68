"""How much one visitor may ask for: so many calls a minute and address, and a full queue said in words."""

import time
from collections import deque
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tabs.i18n import text
from tabs.language import spoken

# of Gradio's API: what waits for a model, not the page's own small events; and guesses at a password
COUNTED = ("/queue/join", "/call/", "/mcp/", "/login")
OWN = ("127.0.0.1", "::1")  # of this computer: MCP calls the API from here
MINUTE = 60.0  # seconds
MAX_ADDRESSES = 10_000


class Limits:
    """ASGI middleware. `per_minute` calls of one address are let through in any minute, 0: all, and all of `exempt`
    addresses. What is refused, here or by Gradio's full queue, is answered with 429 and a sentence in the visitor's
    language."""

    def __init__(
        self, app: ASGIApp, per_minute: int = 0, exempt: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        self.app, self.per_minute, self.exempt, self.clock = app, per_minute, exempt, clock
        self.calls: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not any(part in scope["path"] for part in COUNTED):
            await self.app(scope, receive, send)
            return
        language = spoken(Headers(scope=scope))

        def refusal(key: str) -> JSONResponse:
            return JSONResponse({"detail": text(key, language, limit=self.per_minute)}, 429)

        if not self.lets_through(scope["client"][0] if scope["client"] else ""):
            await refusal("limit.minute")(scope, receive, send)
            return
        full = False

        async def send_in_words(message: Message) -> None:
            nonlocal full
            if message["type"] == "http.response.start" and message["status"] == 503:
                full = True
                await refusal("limit.queue")(scope, receive, send)
            elif not full:
                await send(message)

        await self.app(scope, receive, send_in_words)

    def lets_through(self, address: str) -> bool:
        """Whether this address may call once more; if so, the call is counted."""
        if not self.per_minute or address in self.exempt:
            return True
        now = self.clock()
        if len(self.calls) > MAX_ADDRESSES:
            self.calls = {a: times for a, times in self.calls.items() if now - times[-1] < MINUTE}
        times = self.calls.setdefault(address, deque(maxlen=self.per_minute))
        if len(times) == self.per_minute and now - times[0] < MINUTE:
            return False
        times.append(now)
        return True
