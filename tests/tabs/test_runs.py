"""Long calls of the page: followed step by step, ended by their own visitor alone, and what visitors may name."""

import threading

import gradio as gr
import pytest
from PIL import Image

from pipelines.errors import InputError
from pipelines.outputs import TextToImageOutput
from pipelines.text_to_image.steps import Step, Stopped
from tabs import compare, create, offers, runs
from tabs.compare import split
from tabs.progress import progress_html


def steps(run: runs.Run, total: int, after_first: threading.Event | None = None) -> str:
    for number in range(1, total + 1):
        run.on_step(Step(number, total, lambda: [Image.new("RGB", (4, 4))]))
        if number == 1 and after_first is not None:
            after_first.wait()
    return "done"


def test_steps_come_before_the_result(monkeypatch):
    monkeypatch.setattr(runs, "PREVIEW_EVERY", 0)
    news = list(runs.follow("a", lambda run: steps(run, 3)))
    assert [(p.unit, p.done, p.total, len(p.previews)) for p in news[:-1]] == [("steps", 1, 3, 1), ("steps", 2, 3, 1)]
    assert news[-1] == "done"


def test_a_preview_is_made_only_now_and_then():
    made = []
    run = runs.Run(lambda progress: None, threading.Event())
    for number in range(1, 100):
        run.on_step(Step(number, 100, lambda: made.append(1) or []))
    assert len(made) == 1


def test_stop_ends_the_run_of_one_visitor_within_a_step():
    go_on = {name: threading.Event() for name in "ab"}
    following = {name: runs.follow(name, lambda run, name=name: steps(run, 3, go_on[name])) for name in "ab"}
    for each in following.values():
        assert next(each).done == 1
    runs.stop("a")
    for event in go_on.values():
        event.set()
    with pytest.raises(Stopped):
        list(following["a"])
    assert list(following["b"])[-1] == "done"
    assert runs._stops == {}


def test_a_result_that_comes_after_the_stop_is_not_shown():
    stopping = threading.Event()

    def work(run: runs.Run) -> str:
        run.on_picture(1, 2)
        stopping.wait(10)
        return "done"

    following = runs.follow("a", work)
    next(following)
    runs.stop("a")
    stopping.set()
    with pytest.raises(Stopped):
        list(following)


def test_stopping_where_nothing_runs_is_no_error():
    runs.stop("nobody")
    assert runs._stops == {}


def test_an_error_reaches_the_listener():
    def fail(run):
        raise InputError("prompt_empty")

    with pytest.raises(InputError, match="empty"):
        list(runs.follow("a", fail))


def test_a_listener_who_leaves_ends_the_run():
    ended, go_on = threading.Event(), threading.Event()

    def work(run):
        try:
            steps(run, 5, go_on)
        except Stopped:
            ended.set()
            raise

    following = runs.follow("a", work)
    next(following)
    following.close()
    go_on.set()
    assert ended.wait(10)


def test_a_download_is_told_and_can_be_stopped():
    told, stopped = [], threading.Event()
    run = runs.Run(told.append, stopped)
    run.on_download(500_000_000, 2_000_000_000)
    assert "0.50 of 2.00 GB" in progress_html(told[0], "en")
    stopped.set()
    with pytest.raises(Stopped):
        run.on_download(1, 2)


def test_progress_is_said_in_both_languages():
    picture = Image.new("RGB", (4, 4))
    shown = progress_html(runs.Progress("steps", 5, 20, [picture, picture]), "zh")
    assert "第 5 步，共 20 步" in shown
    assert "width:25%" in shown
    assert shown.count("<img") == 2
    assert "Getting ready" in progress_html(None, "en")


@pytest.fixture
def models(tmp_path, monkeypatch):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    (tmp_path / "models" / "mine" / "model_index.json").write_text("{}")
    (tmp_path / "models" / "notes").mkdir()
    (tmp_path / "secret").mkdir()
    monkeypatch.setenv("TUWEN_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def test_folders_of_the_models_folder_are_offered(models):
    assert offers.folders() == ["mine"]
    assert offers.choices()[0] == "mine"
    assert offers.offered(" mine ") == str(models / "mine")


@pytest.mark.parametrize("name", ["../secret", "/etc", "notes", "~/x", "./mine", "a/b/c", "..", "../mine", "a\\b"])
def test_no_other_folder_can_be_named(models, name):
    with pytest.raises(InputError) as caught:
        offers.offered(name)
    assert caught.value.code == "model_not_offered"


def test_each_tab_offers_models_of_its_own_kind(models):
    (models / "blip").mkdir()
    (models / "blip" / "preprocessor_config.json").write_text("{}")
    assert offers.choices("describe")[0] == "blip"
    assert "mine" not in offers.choices("describe")
    assert "blip" not in offers.choices()
    with pytest.raises(InputError):
        offers.offered("mine", "describe")
    (models / "seen").mkdir()
    (models / "seen" / "concepts.json").write_text("[]")
    assert offers.choices("recognize") == ["seen"]
    with pytest.raises(InputError):
        offers.offered("owner/model", "recognize")  # the Hub has no recognizers of this kind


def test_hub_ids_can_be_forbidden(models, monkeypatch):
    assert offers.offered("owner/model@refs/pr/3") == "owner/model@refs/pr/3"
    monkeypatch.setenv("TUWEN_HUB", "0")
    assert offers.choices() == ["mine"]
    with pytest.raises(InputError):
        offers.offered("owner/model")


@pytest.mark.parametrize("nothing", ["", None, "  "])
def test_no_name_is_said(nothing):
    with pytest.raises(InputError) as caught:
        offers.offered(nothing)
    assert caught.value.code == "model_unnamed"


def test_lists_are_split_at_commas_of_both_languages():
    assert split("1, 2，4,") == ["1", "2", "4"]


def test_a_failure_puts_the_page_back_to_rest(tiny_weights):
    """The message is an exception; before it, the bar is hidden and the stop button disabled."""
    for call in (create.generate(" ", "gan"), create.generate("a cat", "pretrained", pretrained="/etc")):
        states = []
        with pytest.raises(gr.Error):
            collect(call, states)
        assert states[0][5]["interactive"]
        assert states[-1][4]["value"] == ""
        assert states[-1][5]["interactive"] is False


def collect(stream, states: list) -> None:
    for state in stream:
        states.append(state)


def test_a_run_of_the_page_ends_with_pictures_and_what_they_took(tiny_weights):
    *_, last = create.generate("a cat", "diffusion", 2, "7", False, 3, 2.0, language="en")
    pictures, made, seed, empty, progress, stopper = last
    assert [caption for _, caption in pictures["value"]] == ["seed 7", "seed 8"]
    assert "3 steps, guidance 2" in made["value"]
    assert (seed, empty["visible"], progress["value"], stopper["interactive"]) == ("7", False, "", False)


def test_a_sheet_of_settings_has_a_cell_for_each(tiny_weights):
    *_, last = compare.parameter_grid("a cat", "1, 2", "1，2, 3", "0", "en")
    assert last[0]["value"].width > 3 * 16
    with pytest.raises(gr.Error, match="30"):
        list(compare.parameter_grid("a cat", ", ".join(["2"] * 31), "1"))
    with pytest.raises(gr.Error, match="guidance"):
        list(compare.parameter_grid("a cat", "much", "1"))


def test_nothing_to_compare_is_said(tiny_weights):
    with pytest.raises(gr.Error, match="at least one"):
        list(compare.compare("a cat", []))


def test_a_row_says_what_it_cost_and_how_well_it_matches():
    images, settings = [Image.new("RGB", (4, 4))] * 2, {"prompt": "<b>x</b>"}
    output = TextToImageOutput(images, [7, 8], "gan", 1.0, 500_000_000, settings=settings)
    row = compare.contender_row(output, [0.25, 0.75], "en")
    assert "0.50 s a picture · 500 MB of memory at most · match 50 %" in row
    assert "seed 8 · match 75 %" in row
    assert "<b>x" not in row
    assert "match" not in compare.contender_row(output, [], "en")
