"""The language of the page: the browser's, unless the visitor chose the other one with the button in the head.

Gradio reads `navigator.language` before any script of ours may run, so a small script is put in front of its own.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SCRIPT = """<script>
(() => {
  let chosen = new URLSearchParams(location.search).get("lang");
  try {
    if (chosen) localStorage.setItem("tuwen-language", chosen);
    chosen = chosen || localStorage.getItem("tuwen-language");
  } catch { /* storage can be forbidden: the address and the browser's language remain */ }
  const language = (chosen || navigator.language || "en").startsWith("zh") ? "zh" : "en";
  const locale = language === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => locale });
  Object.defineProperty(navigator, "languages", { get: () => [locale] });
  window.tuwen = {
    language,
    switchLanguage() {
      const address = new URL(location.href);
      address.searchParams.set("lang", language === "zh" ? "en" : "zh");
      location.assign(address);
    },
    switchAppearance() {
      document.body.classList.toggle("dark");
    },
  };
})();
</script>"""


class LanguageScript:
    """ASGI middleware that puts SCRIPT first into the head of every HTML page."""

    def __init__(self, app: ASGIApp):
        self.app = app

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
                    body = body.replace(b"<head>", b"<head>" + SCRIPT.encode(), 1)
                    headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
                    length = (b"content-length", str(len(body)).encode())
                    await send({**start, "headers": [*headers, length]})
                    await send({"type": "http.response.body", "body": body})
            else:
                await send(message)

        await self.app(scope, receive, send if scope["type"] != "http" else send_with_script)


def is_html(message: Message) -> bool:
    return any(k == b"content-type" and v.startswith(b"text/html") for k, v in message["headers"])
