"""The strings of the page in its two languages: one table each, with the same keys, in tabs/strings/.

Static text is translated in the browser (`label`); text that depends on a result, and errors, by `text` and `sentence`.
"""

import html

import gradio as gr
from gradio.i18n import I18nData

from pipelines.errors import SENTENCES, InputError
from tabs.strings import en, zh, zh_errors

EN, ZH = (
    table | {f"error.{code}": said for code, said in sentences.items()}
    for table, sentences in ((en.EN, SENTENCES), (zh.ZH, zh_errors.SENTENCES))
)
TABLES = {"en": EN, "zh": ZH}
TRANSLATIONS = gr.I18n(en=EN, **{"zh-CN": ZH})


def label(key: str) -> I18nData:
    """Static text, which the browser shows in its own language."""
    assert key in EN, key
    return TRANSLATIONS(key)


def text(key: str, language: str, **values) -> str:
    """Text that depends on a result, in the language of the page."""
    return TABLES.get(language, EN)[key].format(**values)


def sentence(error: InputError, language: str) -> str:
    """What the user got wrong, as HTML: the values may hold a file's name, which anybody can choose."""
    values = {k: v if isinstance(v, int | float) else html.escape(str(v)) for k, v in error.values.items()}
    return text(f"error.{error.code}", language, **values)
