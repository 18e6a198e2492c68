"""The ledger: models are shared, leave in turn when the budget asks for it, and take their memory with them."""

import gc
import weakref

import psutil
import pytest
import torch

from pipelines import device
from pipelines.errors import InputError

MILLION_FLOATS = 4_000_000  # bytes


class Model:
    def __init__(self, millions: int):
        self.network = torch.nn.Linear(1_000_000, millions, bias=False)


@pytest.fixture(autouse=True)
def empty(monkeypatch):
    device.unload(*device.loaded())
    monkeypatch.setenv("TUWEN_MEMORY_BUDGET", "100")  # MB
    yield
    device.unload(*device.loaded())


def get(name: str, millions: int) -> Model:
    return device.get(f"test/{name}", lambda: Model(millions), millions * MILLION_FLOATS)


def test_a_model_is_loaded_once_and_its_size_is_known():
    assert get("a", 5) is get("a", 5)
    assert device.ledger() == [{"name": "test/a", "megabytes": 20, "seconds_idle": 0}]


def test_the_least_recently_used_leaves_first():
    get("a", 10), get("b", 10), get("a", 10)
    get("c", 10)  # 40 MB each, 100 are allowed
    assert device.loaded() == ["test/a", "test/c"]


def test_a_model_that_leaves_is_freed_and_may_come_back():
    first = weakref.ref(get("a", 20))
    get("b", 20)
    gc.collect()
    assert first() is None
    assert isinstance(get("a", 20), Model)
    assert device.loaded() == ["test/a"]


def test_load_a_b_a_returns_to_the_memory_of_a(monkeypatch):
    monkeypatch.setenv("TUWEN_MEMORY_BUDGET", "250")
    resident = psutil.Process().memory_info
    get("a", 60)
    baseline = resident().rss
    get("b", 60), get("a", 60)
    assert device.loaded() == ["test/a"]
    assert abs(resident().rss - baseline) < 60e6  # of the 240 that each holds


def test_what_no_budget_could_hold_is_said_before_it_is_loaded():
    get("a", 5)
    with pytest.raises(InputError) as caught:
        device.get("test/huge", lambda: pytest.fail("loaded"), 10**12)
    assert caught.value.code == "memory_budget"
    assert device.loaded() == ["test/a"]


def test_a_failed_load_leaves_nothing():
    with pytest.raises(ZeroDivisionError):
        device.get("test/broken", lambda: 1 // 0)
    assert device.loaded() == []


def test_networks_shared_by_two_holders_count_once():
    model = Model(1)
    model.again = model.network
    assert device.size_of(model) == MILLION_FLOATS


def ran_out(*args):
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64000 bytes. Error code 12")


def test_out_of_memory_is_tried_again_in_halves():
    calls = []

    def make(items):
        calls.append(len(items))
        return ran_out() if len(items) > 2 else [item + 1 for item in items]

    assert device.in_memory(make, [1, 2, 3, 4]) == [2, 3, 4, 5]
    assert calls == [4, 2, 2]


def test_out_of_memory_twice_is_a_sentence_with_what_was_missing():
    with pytest.raises(InputError, match="64000 bytes more") as caught:
        device.in_memory(ran_out, [1, 2])
    assert caught.value.code == "out_of_memory"
    assert caught.value.__context__ is None  # whose traceback would hold the tensors


def test_other_errors_are_not_taken_for_it():
    with pytest.raises(RuntimeError, match="shapes"):
        device.in_memory(lambda items: (_ for _ in ()).throw(RuntimeError("shapes differ")), [1])


def test_the_peak_of_a_call_is_measured():
    with device.measured() as peak:
        held = torch.ones(60_000_000)
        del held
    with device.measured() as less:
        pass
    assert peak() - less() > 100e6
