"""Limits of one visitor: so many calls a minute and address, none for the page's own small events, sentences in both
languages."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import app
from tabs.language import spoken
from tabs.limits import MINUTE, OWN, Limits

JOIN = "/gradio_api/queue/join"


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def visit(clock):
    """A page that lets three calls a minute through, as seen from an address."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse("done", 503 if "full" in request.query_params else 200)

    inner = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])
    page = Limits(inner, per_minute=3, exempt=OWN, clock=clock)
    return lambda address: TestClient(page, client=(address, 1))


def statuses(client: TestClient, path: str, times: int) -> list[int]:
    return [client.post(path).status_code for _ in range(times)]


@pytest.mark.parametrize("path", [JOIN, "/gradio_api/call/generate", "/gradio_api/mcp/", "/login"])
def test_the_fourth_call_of_a_minute_waits_for_the_next_one(visit, clock, path):
    client = visit("10.0.0.7")
    assert statuses(client, path, 4) == [200, 200, 200, 429]
    clock.now += MINUTE - 1
    assert statuses(client, path, 1) == [429]
    clock.now += 1
    assert statuses(client, path, 4) == [200, 200, 200, 429]


def test_visitors_do_not_use_up_each_others_calls(visit):
    assert statuses(visit("10.0.0.7"), JOIN, 4)[-1] == 429
    assert statuses(visit("10.0.0.8"), JOIN, 3) == [200, 200, 200]


def test_the_page_its_files_and_its_small_events_are_not_counted(visit):
    client = visit("10.0.0.7")
    assert statuses(client, "/gradio_api/run/predict", 9) == [200] * 9
    assert [client.get(JOIN).status_code for _ in range(9)] == [200] * 9
    assert statuses(client, JOIN, 3) == [200] * 3


def test_addresses_may_be_exempt(visit):
    assert statuses(visit("127.0.0.1"), JOIN, 9) == [200] * 9
    assert statuses(visit("127.0.0.2"), JOIN, 9)[-1] == 429


def test_a_visitor_behind_a_proxy_is_who_the_proxy_says_not_who_he_says_he_is(clock):
    """What a visitor writes into X-Forwarded-For himself stands left of what the proxy adds."""

    async def answer(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.client.host)

    inner = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    page = ProxyHeadersMiddleware(Limits(inner, per_minute=3, clock=clock), trusted_hosts=app.PROXIES)
    proxy = TestClient(page, client=("10.1.2.3", 1))
    answers = [proxy.post(JOIN, headers={"x-forwarded-for": f"9.9.9.{k}, 203.0.113.5"}) for k in range(4)]
    assert answers[0].text == "203.0.113.5"
    assert [a.status_code for a in answers] == [200, 200, 200, 429]


def test_no_limit_lets_everything_through():
    limits = Limits(None, per_minute=0)
    assert all(limits.lets_through("10.0.0.7") for _ in range(1000))
    assert limits.calls == {}


def test_addresses_that_came_long_ago_are_forgotten(monkeypatch, clock):
    monkeypatch.setattr("tabs.limits.MAX_ADDRESSES", 5)
    limits = Limits(None, per_minute=3, clock=clock)
    for k in range(6):
        limits.lets_through(f"10.0.0.{k}")
    clock.now += 2 * MINUTE
    limits.lets_through("10.0.1.1")
    assert list(limits.calls) == ["10.0.1.1"]


def test_a_refusal_is_a_sentence_in_the_language_of_the_page(visit):
    client = visit("10.0.0.7")
    statuses(client, JOIN, 3)
    assert "3 calls in a minute" in client.post(JOIN).json()["detail"]
    assert "3 次" in client.post(JOIN, headers={"accept-language": "zh-CN"}).json()["detail"]


def test_no_call_passes_the_queue_by():
    page = app.build_app()
    assert page.api_open is False


def test_a_full_queue_is_said_in_words(visit):
    answer = visit("10.0.0.7").post(f"{JOIN}?full", headers={"cookie": "tuwen-language=zh"})
    assert answer.status_code == 429
    assert answer.json()["detail"].startswith("排队")


@pytest.mark.parametrize(("headers", "language"), [
    ({}, "en"), ({"accept-language": "zh-CN,zh;q=0.9"}, "zh"), ({"accept-language": "fr"}, "en"),
    ({"accept-language": "zh-CN", "cookie": "a=b; tuwen-language=en"}, "en"), ({"cookie": "tuwen-language=zh"}, "zh"),
    ({"cookie": "a@b=1; tuwen-language=zh"}, "zh"), ({"cookie": 'g={"i":0}; x=b c; tuwen-language=zh'}, "zh"),
    ({"cookie": "not-tuwen-language=zh"}, "en"),
])  # fmt: skip
def test_the_language_chosen_on_the_page_goes_before_the_browsers(headers, language):
    assert spoken(headers) == language
