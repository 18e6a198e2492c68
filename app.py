"""The front door: arguments, the page, the server. `python app.py --help` names what can be set."""

import argparse
import getpass
import os
import secrets
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ASSETS = ROOT / "assets"
SUFFIXES = (".webp", ".jpg", ".jpeg", ".png")
MAX_EXAMPLES = 8
MAX_QUEUE = 32
# networks that a Space's proxy speaks from: what it says of the visitor's address is believed
PROXIES = "127.0.0.1,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
PER_MINUTE = 30  # calls of one address, where strangers may come
DAY = 86_400  # seconds
BRAND = '<div class="brand">{logo}<h1 id="name">Tuwen<i>图文</i></h1></div>'


def count(typed: str) -> int:
    """A number of an option that can't be less than 0."""
    if not typed.isdecimal():
        raise argparse.ArgumentTypeError(f"'{typed}' is no whole number from 0 on")
    return int(typed)


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="app.py", description="Tuwen: words become pictures, pictures become words.")
    add = parser.add_argument
    host, port = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    add("--host", default=host, help="address to listen on (%(default)s); 0.0.0.0 opens the page to the network")
    add("--port", type=int, default=port, help="port to listen on (%(default)s)")
    add("--share", action="store_true", help="make a public link, guarded by a user name and a password")
    add("--auth", metavar="USER:PASSWORD", help="ask visitors for these; --share makes up a pair when none is given")
    add("--auth-file", type=Path, metavar="FILE", help="let in the users of this file, whose passwords are hashed")
    add("--add-user", metavar="NAME", help="ask for a password, write both into --auth-file, and stop")
    add("--max-queue", type=count, default=MAX_QUEUE, metavar="N", help="calls that may wait at once (%(default)s)")
    add("--per-minute", type=count, metavar="N", help="calls that one address may make in a minute, 0 for any number "
        f"(default: {PER_MINUTE} where the page is shared or open to the network)")
    add("--mcp", action="store_true", help="offer the API's calls to assistants as tools, at /gradio_api/mcp/")
    add("--model", default="gan", metavar="NAME", help="text-to-image model chosen at first (%(default)s)")
    add("--models", type=Path, metavar="DIR", help="folder of diffusers pipelines that visitors may choose")
    hub = {"1": True, "0": False}.get(os.environ.get("TUWEN_ALLOW_HUB", ""))  # a Space has variables, no options
    add("--hub", action=argparse.BooleanOptionalAction, default=hub, help="let visitors name models of the Hugging "
        "Face Hub, which are then downloaded (default: only where the page is neither shared nor open to the network)")
    add("--allow-training", action=argparse.BooleanOptionalAction, help="let visitors train models, one at a time; "
        "where the page is shared or open to the network only on the data that ships (default: only where it is not)")
    add("--runs", type=Path, metavar="DIR", help="folder of what is trained on the page (runs/studio)")
    add("--memory-budget", type=float, metavar="MB", help="what loaded models may take (default: most of what is free)")
    add("--captioner", default="both", metavar="NAME", help="lstm, transformer or both, chosen at first (%(default)s)")
    add("--weights", type=Path, metavar="DIR", help="folder of the models' weights (weights, beside this file)")
    add("--data", type=Path, metavar="DIR", help="data folder whose first pictures become the examples to describe")
    add("--doctor", action="store_true", help="say what this computer has of what the page needs, and stop")
    return parser.parse_args(argv)


def credentials(auth: str | None, share: bool) -> tuple[str, str] | None:
    """User name and password to ask for. A public link is never open: without `auth` it gets a pair of its own."""
    if auth:
        user, _, password = auth.partition(":")
        if not user or not password:
            raise SystemExit("--auth must be USER:PASSWORD, for example --auth ada:lovelace")
        return user, password
    if share:
        password = secrets.token_urlsafe(12)
        print(f"The public link asks for user name: tuwen  password: {password}")
        return "tuwen", password
    return None


def users(file: Path | None, name: str | None):
    """The check of names and passwords by the file of users; with `name`, that user is added and the program ends."""
    from tabs import auth

    try:
        if name is not None:
            if file is None:
                raise ValueError("--add-user needs --auth-file FILE.")
            auth.add_user(file, name, getpass.getpass(f"Password of {name}: "))
            raise SystemExit(0)
        return auth.checker(file)
    except (OSError, ValueError) as error:
        raise SystemExit(f"--auth-file: {error}") from None


def known(option: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise SystemExit(f"{option}: there is no model '{name}'. The built-in ones are: {', '.join(names)}.")


def existing(option: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise SystemExit(f"{option}: there is no folder '{folder}'.")
    return folder


def example_pictures(data: Path | None) -> list[str]:
    """Pictures to try out: those of the project, or the first ones of the folder `data`."""
    folder = existing("--data", data) if data else ASSETS / "examples"
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return [str(path) for path in found[:MAX_EXAMPLES]]


def build_app(model: str = "gan", captioner: str = "both", data: Path | None = None, max_queue: int = MAX_QUEUE):
    """The page as `gr.Blocks`. No model is loaded, and torch is not imported, until somebody asks for a result."""
    import gradio as gr

    from tabs import (
        api,
        batch,
        captioners,
        compare,
        create,
        describe,
        models,
        play,
        progress,
        recognize,
        reproduce,
        results,
        round_trip,
        train,
    )
    from tabs.i18n import label

    known("--model", model, create.BUILT_IN)
    known("--captioner", captioner, ("both", *captioners.BUILT_IN))
    with gr.Blocks(title="Tuwen 图文", analytics_enabled=False, delete_cache=(DAY // 4, DAY)) as app:
        api.register()  # first, so that its names are free
        language = gr.Textbox(visible=False)
        with gr.Row(elem_id="head"):
            gr.HTML(BRAND.format(logo=(ASSETS / "logo.svg").read_text()), elem_id="logo")
            gr.Markdown(label("app.tagline"), elem_id="tagline")
            switch_language = gr.Button(label("app.language"), size="sm", min_width=70, elem_id="switch-language")
            switch_appearance = gr.Button(label("app.appearance"), size="sm", min_width=70, elem_id="switch-appearance")
        with gr.Tabs() as tabs:
            with gr.Tab(label("create.tab"), id="create"):
                form, pretrained = create.build(language, model)
            with gr.Tab(label("describe.tab"), id="describe"):
                described_by = describe.build(language, captioner, example_pictures(data))
            with gr.Tab(label("batch.tab"), id="batch"):
                batch.build(language)
            with gr.Tab(label("recognize.tab"), id="recognize"):
                recognized_by = recognize.build(language, example_pictures(data))
            with gr.Tab(label("compare.tab"), id="compare"):
                compare.build(language)
            with gr.Tab(label("trip.tab"), id="round-trip"):
                round_trip.build(language, example_pictures(data))
            with gr.Tab(label("play.tab"), id="play"):
                play.build(language)
            with gr.Tab(label("reproduce.tab"), id="reproduce"):
                reproduce.build(language, form)
            with gr.Tab(label("train.tab"), id="train") as tab:
                train.build(language, tab, tabs, form[1], pretrained, described_by, recognized_by)
            with gr.Tab(label("results.tab"), id="results") as tab:
                results.build(language, tab)
            with gr.Tab(label("models.tab"), id="models") as tab:
                models.build(language, tab)
        app.unload(progress.stop)  # nobody waits for what a visitor who left has asked for
        app.load(None, None, language, js="() => window.tuwen.language")
        switch_language.click(None, js="() => window.tuwen.switchLanguage()")
        switch_appearance.click(None, js="() => window.tuwen.switchAppearance()")
    return app.queue(max_size=max_queue, api_open=False)  # no call passes the queue by


def launch(app, per_minute: int = 0, mcp: bool = False, **options):
    """Serve `app`: its own look and languages, files of the temporary folder alone, nothing sent anywhere, and at most
    `per_minute` calls of one address in a minute."""
    from starlette.middleware import Middleware

    from tabs.i18n import TRANSLATIONS
    from tabs.language import LanguageScript
    from tabs.limits import OWN, Limits
    from tabs.theme import theme

    limits = Middleware(Limits, per_minute=per_minute, exempt=OWN if mcp else ())
    return app.launch(
        theme=theme(),
        css_paths=ASSETS / "style.css",
        favicon_path=ASSETS / "favicon.png",
        i18n=TRANSLATIONS,
        blocked_paths=[str(ROOT)],
        max_file_size="40mb",
        run_history=False,  # prompts and pictures stay out of the visitor's browser storage
        enable_monitoring=False,
        footer_links=["api"],
        mcp_server=mcp,
        app_kwargs={"middleware": [limits, Middleware(LanguageScript)]},
        js=(ASSETS / "keys.js").read_text(),
        quiet=True,
        **options,
    )


def main(argv: list[str] | None = None) -> None:
    arguments = parse_arguments(argv)
    if arguments.weights:
        os.environ["TUWEN_WEIGHTS"] = str(arguments.weights.resolve())  # read by pipelines.checkpoint
    if arguments.doctor:
        raise SystemExit(import_module("pipelines.doctor").main())
    if os.environ.get("SPACES_ZERO_GPU") and import_module("pipelines.device").ZERO_GPU:
        import_module("pipelines.text_to_image.zero_gpu")  # first, since it changes what torch says of CUDA
    guarded = arguments.auth_file or arguments.add_user
    check = users(arguments.auth_file, arguments.add_user) if guarded else None
    if arguments.mcp and (guarded or arguments.auth or arguments.share):
        raise SystemExit("--mcp works on a page without a password: the tools have no way to log in.")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    if arguments.memory_budget:
        os.environ["TUWEN_MEMORY_BUDGET"] = str(arguments.memory_budget)  # read by pipelines.device
    if arguments.models:
        os.environ["TUWEN_MODELS"] = str(existing("--models", arguments.models).resolve())  # read by tabs.offers
    at_home = not arguments.share and arguments.host in ("127.0.0.1", "localhost", "::1")
    os.environ["TUWEN_HUB"] = str(int(at_home if arguments.hub is None else arguments.hub))
    if "SPACE_ID" in os.environ:
        os.environ.setdefault("FORWARDED_ALLOW_IPS", PROXIES)  # read by uvicorn
    training = at_home if arguments.allow_training is None else arguments.allow_training
    os.environ["TUWEN_TRAINING"] = "" if not training else "folders" if at_home else "samples"  # read by training_runs
    if arguments.runs:
        os.environ["TUWEN_RUNS"] = str(arguments.runs.resolve())
    app = build_app(arguments.model, arguments.captioner, arguments.data, arguments.max_queue)
    try:
        _, address, link = launch(
            app,
            per_minute=arguments.per_minute if arguments.per_minute is not None else 0 if at_home else PER_MINUTE,
            mcp=arguments.mcp,
            server_name=arguments.host,
            server_port=arguments.port,
            share=arguments.share,
            auth=check or credentials(arguments.auth, arguments.share),
            prevent_thread_lock=True,
        )
    except OSError:  # Gradio found no free port in the range of this one
        raise SystemExit(f"Port {arguments.port} is taken. Choose another one with --port.") from None
    print(f"Tuwen is open at {link or address} (stop it with Ctrl+C)", flush=True)
    app.block_thread()


if __name__ == "__main__":
    main()
