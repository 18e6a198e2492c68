"""Every string of the page in English and 简体中文, one table each with the same keys.

Static text is translated in the browser (`label`); text that depends on a result, and errors, by `text` and `sentence`.
"""

import html

import gradio as gr
from gradio.i18n import I18nData

from pipelines.errors import SENTENCES, InputError

EN = {
    "app.title": "Tuwen · pictures and words",
    "app.tagline": "Words become pictures, pictures become words. Small models of our own, on your own computer.",
    "app.language": "中文",
    "app.appearance": "Light / dark",
    "create.tab": "Create",
    "create.prompt": "What do you want to see?",
    "create.prompt_hint": "a yellow flower with a dark centre",
    "create.button": "Create",
    "create.examples": "Try one of these",
    "create.model": "Model",
    "create.model_gan": "GAN · one step",
    "create.num_images": "Pictures",
    "create.seed": "Seed",
    "create.random": "New seed every time",
    "create.gallery": "Pictures",
    "create.empty": (
        "<strong>Nothing here yet.</strong><span>Describe a flower, a bird, a cat or a dog, in English or Chinese, "
        "and press Enter. The first time takes a few seconds, while the model loads.</span>"
    ),
    "create.picture": "seed {seed}",
    "create.made": "{model} · {count} in {seconds} s",
    "create.unknown": "Not in the model's vocabulary, so hardly followed: {words}",
    "describe.tab": "Describe",
    "describe.picture": "Picture",
    "describe.picture_hint": "Drop a picture here, or click to choose one. You can also paste it, or use the camera.",
    "describe.examples": "Or take one of these",
    "describe.captioner": "Captioner",
    "describe.lstm": "LSTM",
    "describe.transformer": "Transformer",
    "describe.both": "Side by side",
    "describe.language": "Captions in",
    "describe.english": "English",
    "describe.chinese": "中文",
    "describe.two_languages": "Both",
    "describe.more": "Search settings",
    "describe.num_beams": "Beams",
    "describe.num_beams_hint": "How many sentences are followed at once. 1 is the fastest.",
    "describe.num_captions": "Captions",
    "describe.num_captions_hint": "How many of them are shown, at most as many as beams.",
    "describe.button": "Describe",
    "describe.empty": (
        "<strong>No picture yet.</strong><span>Choose one and press Describe: two models say what they see, "
        "and show where they looked at each word.</span>"
    ),
    "describe.lstm_about": "CNN + LSTM with attention",
    "describe.transformer_about": "CNN + transformer decoder",
    "describe.time": "{seconds} s",
    "describe.how": "Choose a word to see where the model looked. The line under it is how sure it was.",
    "describe.alt": "The picture, lit where the model looked",
    "describe.word": "{word}: {percent} % sure",
    "status.processing": "working",
    "status.queue": "waiting, place",
    "error.title": "That did not work",
    "error.unexpected": "Something went wrong that should not have. The terminal where Tuwen runs says more.",
} | {f"error.{code}": sentence for code, sentence in SENTENCES.items()}

ZH = {
    "app.title": "图文 · 以文生图，以图生文",
    "app.tagline": "文字变成图片，图片变成文字。自己训练的小模型，就在你自己的电脑上运行。",
    "app.language": "English",
    "app.appearance": "浅色 / 深色",
    "create.tab": "生成图片",
    "create.prompt": "你想看到什么？",
    "create.prompt_hint": "一朵花心深色的黄花",
    "create.button": "生成",
    "create.examples": "试试这些",
    "create.model": "模型",
    "create.model_gan": "GAN · 一步生成",
    "create.num_images": "张数",
    "create.seed": "种子",
    "create.random": "每次换新种子",
    "create.gallery": "图片",
    "create.empty": (
        "<strong>这里还没有图片。</strong><span>用中文或英文描述一朵花、一只鸟、一只猫或一只狗，然后按回车键。"
        "第一次要载入模型，需要几秒钟。</span>"
    ),
    "create.picture": "种子 {seed}",
    "create.made": "{model} · {count} 张，用时 {seconds} 秒",
    "create.unknown": "模型不认识这些词，所以几乎不会照做：{words}",
    "describe.tab": "描述图片",
    "describe.picture": "图片",
    "describe.picture_hint": "把图片拖到这里，或点击选择。也可以粘贴，或用摄像头拍一张。",
    "describe.examples": "或者用这里的图片",
    "describe.captioner": "描述模型",
    "describe.lstm": "LSTM",
    "describe.transformer": "Transformer",
    "describe.both": "两个对照",
    "describe.language": "描述语言",
    "describe.english": "English",
    "describe.chinese": "中文",
    "describe.two_languages": "两种",
    "describe.more": "搜索设置",
    "describe.num_beams": "束宽",
    "describe.num_beams_hint": "同时考虑多少个句子。1 最快。",
    "describe.num_captions": "描述条数",
    "describe.num_captions_hint": "显示其中几条，不超过束宽。",
    "describe.button": "描述",
    "describe.empty": (
        "<strong>还没有图片。</strong><span>选一张图片，再点“描述”：两个模型会说出它们看到了什么，"
        "并显示说每个词时看的是哪里。</span>"
    ),
    "describe.lstm_about": "CNN + 带注意力的 LSTM",
    "describe.transformer_about": "CNN + Transformer 解码器",
    "describe.time": "{seconds} 秒",
    "describe.how": "点一个词，看模型说它时在看哪里。词下面的线表示把握有多大。",
    "describe.alt": "图片，亮处是模型所看的地方",
    "describe.word": "{word}：把握 {percent}%",
    "status.processing": "处理中",
    "status.queue": "排队，位置",
    "error.title": "没有成功",
    "error.unexpected": "出了一个不该出的错。运行 Tuwen 的终端里有更多说明。",
    "error.prompt_empty": "提示词是空的。请描述你想看到什么，例如：一朵花心深色的黄花。",
    "error.prompt_long": "提示词有 {length} 个字符，最多 {limit} 个。请写短一些。",
    "error.prompt_language": "模型只懂中文和英文。请用其中一种写提示词。",
    "error.num_images": "图片张数必须是 1 到 {limit} 的整数；现在是 {value}。",
    "error.seed": "种子必须是 0 到 {limit} 的整数；现在是 {value}。",
    "error.num_beams": "束宽必须是 1 到 {limit} 的整数；现在是 {value}。",
    "error.num_captions": "描述条数必须是 1 到束宽（{limit}）的整数；现在是 {value}。",
    "error.language": "描述只能用英文（en）或中文（zh）；“{value}”两者都不是。",
    "error.num_inference_steps": "步数必须是 1 到 {limit} 的整数；现在是 {value}。",
    "error.guidance_scale": "引导强度必须是 {least:g} 到 {limit:g} 的数；现在是 {value}。",
    "error.scheduler": "没有采样器“{value}”。可选的有：{known}。",
    "error.size": "尺寸必须是整数像素，最多 {limit}；现在是 {value}。",
    "error.size_multiple": "尺寸 {value} 不适合这个模型。请选 {unit} 的倍数。",
    "error.size_memory": "{value} 像素的图片大约要 {needed} MB 内存，现在空闲 {free} MB。请选小一些的尺寸。",
    "error.memory_budget": (
        "“{name}”大约要 {needed} MB 内存，可用的是 {free} MB。请关闭其他程序，调高 --memory-budget，或选小一些的模型。"
    ),
    "error.out_of_memory": "内存不够同时生成 {count} 张图片：还需要 {needed}，空闲 {free} MB。请减少张数或缩小尺寸。",
    "error.folder_missing": "没有文件夹“{name}”。",
    "error.pipeline_missing": (
        "“{name}”不是 diffusers 管线：里面没有 model_index.json。请给出文生图管线的文件夹或 Hub 名称。"
    ),
    "error.pipeline_incomplete": "管线“{name}”不完整：{path} 有问题。请重新下载。",
    "error.pipeline_pickled": "“{name}”的“{path}”只有 pickle 权重，其中可能藏有有害代码。请选带 safetensors 的版本。",
    "error.setting_unknown": "模型“{model}”没有“{setting}”这个设置。",
    "error.image_missing": "还没有图片。请上传、粘贴或拍一张。",
    "error.image_unreadable": "“{name}”不能作为图片读取。请用能在别处打开的 PNG、JPEG、WebP、GIF、BMP 或 TIFF 文件。",
    "error.image_empty": "“{name}”是空文件（0 字节）。请换一个文件。",
    "error.image_large": "“{name}”超过 {limit} 百万像素。请先缩小。",
    "error.file_missing": "没有文件“{name}”。",
    "error.model_unknown": "没有模型“{name}”。自带的模型有：{known}。",
    "error.model_offline": "“{name}”不在这台电脑上，也连不上 Hugging Face Hub。自带的模型有：{known}。",
    "error.model_kind": "“{name}”里没有可用于 {task} 的 safetensors 权重模型。请另选一个。",
    "error.data_empty": "“{name}”里没有能读取的图片。",
    "error.data_outside": "“{name}”在数据文件夹之外。只能列出元数据所在文件夹里的文件。",
    "error.data_unknown": "“{name}”既不是文件夹，也不是能从 Hugging Face Hub 载入的数据集。",
    "error.weights_missing": "缺少“{name}”的权重：没有文件 {path}。请连同权重重新克隆项目，或用 `make weights` 训练。",
    "error.weights_mismatch": "“{name}”的权重是与另一个“{other}”一起训练的。请从项目的同一版本恢复这两者。",
    "error.weights_corrupted": "“{name}”的权重已损坏：{path} 与校验和不符。请从项目中恢复该文件。",
}

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
