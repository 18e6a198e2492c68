"""The tab that trains a model of one's own: what on which pictures, what that takes, and how it goes."""

import json

import gradio as gr

from pipelines.errors import InputError
from tabs import captioners, offers, recognize, training_runs
from tabs.i18n import TABLES, label, text
from tabs.messages import messages
from tabs.offers import PRETRAINED
from tabs.progress import FREE, progress_line
from tabs.training_forecast import forecast, forecast_html
from tabs.training_plans import MODELS, PRESETS, plan, source, sources
from tabs.training_runs import Run
from tabs.training_view import log_html, run_html, title

EVERY = 2  # seconds between two looks at a run
ALIVE = ("starting", "running", "stopping")
# which buttons a run has in each phase
BUTTONS = {
    "pause": ("starting", "running"),
    "resume": ("paused", "failed"),
    "end": ("starting", "running", "paused"),
    "use": ("paused", "finished"),
    "remove": ("paused", "finished", "stopped", "failed"),
}
# the browser asks; where the visitor thinks better of it, no run is named
SURE = "(name, language) => [confirm(({words})[language]) ? name : null, language]".format(
    words=json.dumps({language: text("train.remove_sure", language) for language in TABLES})
)
WAITS = {"concurrency_id": "train", "concurrency_limit": 1, "trigger_mode": "once", "api_visibility": "private"}


def page(name: str | None, language: str, seen: str | None = None) -> tuple | dict:
    """The run `name`, or else the newest, for the outputs of `build`; nothing changes where it is as it was `seen`."""
    with messages(language):
        runs = training_runs.shown() if training_runs.allowed() else []
        run = next((run for run in runs if run.name == name), runs[0] if runs else None)
        if run is None:
            none, chooser = gr.update(visible=False), gr.update(choices=[], value=None, visible=False)
            idle = gr.update(active=False)
            return gr.update(visible=True), chooser, "", none, "", *[none] * len(BUTTONS), idle, ""
        training_runs.settle(run)
        phase = run.phase
        shown = run_html(run, phase, language)
        if (now := f"{run.name}{hash(shown)}") == seen:
            return gr.skip()  # all of them
        chooser = gr.update(choices=[(title(r, language), r.name) for r in runs], value=run.name, visible=True)
        logged = training_runs.folders_allowed()  # a log names folders of this computer
        buttons = {name: phase in phases for name, phases in BUTTONS.items()}
        buttons["use"] &= bool(MODELS[run.plan.model].opens) and run.exported
        buttons["remove"] &= training_runs.folders_allowed()
        return (
            gr.update(visible=False), chooser, shown, gr.update(visible=logged), log_html(run) if logged else "",
            *(gr.update(visible=visible) for visible in buttons.values()), gr.update(active=phase in ALIVE), now,
        )  # fmt: skip


def check(choice: str, folder: str, model: str, preset: str, language: str = "en") -> tuple[dict, dict]:
    """Say what a training would take, and offer to start it."""
    with messages(language):
        training_runs.require_allowed()
        wanted = plan(model, preset, source(choice, folder, training_runs.folders_allowed()))
        said = forecast_html(wanted, *forecast(wanted), language)
        return gr.update(value=said, visible=True), gr.update(visible=True)


def start(choice: str, folder: str, model: str, preset: str, language: str = "en") -> tuple:
    """Begin the training that was checked."""
    with messages(language):
        data = source(choice, folder, training_runs.folders_allowed())
        run = training_runs.start(plan(model, preset, data))
    return *page(run.name, language), *unchecked()


def act(name: str, wish: str, language: str) -> tuple:
    """Do what a button says with the run `name`."""
    with messages(language):
        run = training_runs.find(name or "")
        if wish == "resume":
            training_runs.resume(run)
        else:
            training_runs.ask(run, wish)
    return page(name, language)


def remove(name: str | None, language: str) -> tuple | dict:
    """Delete the run `name`; nothing happens without a name, see SURE."""
    if not name:
        return gr.skip()
    with messages(language):
        training_runs.remove(training_runs.find(name))
    return page(None, language)


def use(name: str, language: str) -> tuple:
    """Open the tab that can use what was trained, with the run chosen there: the tab, model and pipeline of *Create*,
    captioner of *Describe*, recognizer of *Recognize*."""
    with messages(language):
        run: Run = training_runs.find(name or "")
        tab = MODELS[run.plan.model].opens
        if run.name not in training_runs.usable(tab):
            raise InputError("train_nothing", name=run.name)
        from pipelines import device  # brings torch, which the page does not wait for

        kind = {"create": "text-to-image", "describe": "captioner", "recognize": "recognition"}[tab]
        device.unload(f"{kind}/{run.weights}")  # an earlier part of the same run may still be in memory
        model = pretrained = captioner = recognizer = gr.skip()
        if tab == "create":
            model, pretrained = PRETRAINED, gr.update(choices=offers.choices(), value=run.name)
        elif tab == "describe":
            captioner = {**captioners.choices(language), "value": run.name}
        else:
            recognizer = {**recognize.choices(language), "value": run.name}
        return gr.update(selected=tab), model, pretrained, captioner, recognizer


def unchecked() -> tuple[dict, dict]:
    return gr.update(visible=False), gr.update(visible=False)


def presets_of(model: str, language: str) -> dict:
    names = list(PRESETS[model])
    return gr.update(choices=[(text(f"train.preset_{name}", language), name) for name in names], value=names[0])


def build(
    language: gr.Textbox, tab: gr.Tab, tabs: gr.Tabs, model: gr.Radio, pretrained: gr.Dropdown, captioner: gr.Radio,
    recognizer: gr.Radio,
) -> None:
    """Lay out the tab. `tabs`, and the choices of models in the tabs that use them, receive what was trained."""
    if not training_runs.allowed():
        gr.HTML(label("train.off"), elem_classes="empty", elem_id="train-empty")
        return
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            kinds = sources(training_runs.folders_allowed())
            choice = gr.Radio(
                [(label(f"train.{kind}"), kind) for kind in kinds], value="sample", label=label("train.source"),
                elem_id="train-source",
            )  # fmt: skip
            folder = gr.Textbox(
                label=label("train.folder_path"), info=label("train.folder_hint"), visible=False, max_lines=1,
                elem_id="train-folder",
            )  # fmt: skip
            kind = gr.Radio(
                [(label(f"train.model_{name}"), name) for name in MODELS], value="gan", label=label("create.model"),
                elem_id="train-model",
            )  # fmt: skip
            preset = gr.Radio(
                [(label(f"train.preset_{name}"), name) for name in PRESETS["gan"]], value="look",
                label=label("train.preset"), elem_id="train-preset",
            )  # fmt: skip
            checker = gr.Button(label("train.check"), elem_id="train-check")
            line = progress_line("train-progress")
            said = gr.HTML(visible=False, elem_id="train-forecast")
            starter = gr.Button(label("train.start"), variant="primary", visible=False, elem_id="train-start")
        with gr.Column(scale=5, min_width=320):
            empty = gr.HTML(label("train.empty"), elem_classes="empty", elem_id="train-empty")
            chosen = gr.Dropdown(visible=False, label=label("train.run"), elem_id="train-run")
            view = gr.HTML(elem_id="train-view")
            with gr.Row(elem_id="train-buttons"):
                buttons = {
                    name: gr.Button(
                        label(f"train.{name}"), visible=False, min_width=110, elem_id=f"train-{name}",
                        variant="primary" if name == "use" else "stop" if name == "remove" else "secondary",
                    )
                    for name in BUTTONS
                }  # fmt: skip
            with gr.Accordion(label("train.log"), open=False, visible=False, elem_id="train-log") as log_part:
                log = gr.HTML()
    seen, timer = gr.State(""), gr.Timer(EVERY, active=False)
    outputs = [empty, chosen, view, log_part, log, *buttons.values(), timer, seen]
    form, asked = [choice, folder, kind, preset], [said, starter]

    choice.change(lambda chosen: gr.update(visible=chosen == "folder"), choice, folder, **FREE)
    kind.change(presets_of, [kind, language], preset, **FREE)
    gr.on([component.change for component in form], unchecked, None, asked, **FREE)
    checker.click(
        check, [*form, language], asked, show_progress="minimal", show_progress_on=line, **WAITS
    )  # fmt: skip
    starter.click(start, [*form, language], [*outputs, *asked], **FREE)
    tab.select(page, [chosen, language], outputs, **FREE)
    chosen.input(page, [chosen, language], outputs, **FREE)
    timer.tick(page, [chosen, language, seen], outputs, **FREE)
    for wish in ("pause", "resume", "end"):
        buttons[wish].click(
            lambda name, language, wish=wish: act(name, wish, language), [chosen, language], outputs, **FREE
        )
    buttons["remove"].click(remove, [chosen, language], outputs, js=SURE, **FREE)
    buttons["use"].click(use, [chosen, language], [tabs, model, pretrained, captioner, recognizer], **FREE)
    gr.on(None, lambda: gr.update(choices=offers.choices()), None, pretrained, **FREE)  # when the page opens
    language.change(captioners.choices, language, captioner, **FREE)  # it is empty until the page has opened
