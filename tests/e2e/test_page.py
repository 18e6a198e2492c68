"""The page as its visitors meet it: words become pictures, pictures become words, in both languages."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from pipelines.languages import HAN, language_of

ROOT = Path(__file__).resolve().parents[2]
CAT = ROOT / "assets/examples/cat.webp"


def seeds(page) -> list[int]:
    return [int(re.sub(r"\D", "", text)) for text in page.locator("#pictures .caption-label").all_inner_texts()]


@pytest.mark.parametrize(("locale", "prompt"), [("en-US", "a yellow flower"), ("zh-CN", "一朵黄色的花")])
def test_a_prompt_becomes_four_pictures(visit, locale, prompt):
    visitor = visit(locale=locale)
    visitor.create(prompt)
    expect(visitor.page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(visitor.page.locator("#create-empty")).to_be_hidden()
    expect(visitor.page.locator("#made")).to_contain_text("秒" if locale == "zh-CN" else " s")
    assert len(set(seeds(visitor.page))) == 4
    assert visitor.outside == visitor.errors == []


def test_a_seed_gives_the_same_pictures_again(visit):
    """Results are stored under a hash of their content, so that equal addresses are equal pictures."""
    page = (visitor := visit()).page
    picture = page.locator("#pictures .thumbnail-item img").first
    page.locator("#random input").uncheck()
    visitor.fill("#seed", "7")
    visitor.create("a red bird on a branch")
    expect(page.locator("#pictures .caption-label").first).to_contain_text("7")
    first = picture.get_attribute("src")
    visitor.create("a white flower")
    expect(picture).not_to_have_attribute("src", first)
    visitor.create("a red bird on a branch")
    expect(picture).to_have_attribute("src", first)


def test_an_example_is_made_at_once(visit):
    page = visit().page
    page.locator("#prompt-examples").get_by_text("一只橘猫").click()
    expect(page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(page.locator("#prompt textarea, #prompt input")).to_have_value("一只橘猫")


def test_a_photo_is_described_by_two_captioners_in_two_languages(visit):
    visitor = visit()
    visitor.open("describe")
    visitor.upload(CAT)
    visitor.page.locator("#describe").click()
    captions = visitor.captions()
    assert captions.keys() == {(model, spoken) for model in ("lstm", "transformer") for spoken in ("en", "zh")}
    for (_, spoken), caption in captions.items():
        assert language_of(caption) == spoken
        assert len(caption) > 2
    assert visitor.outside == visitor.errors == []


def test_a_word_shows_where_the_model_looked(visit):
    visitor = visit(locale="zh-CN")
    visitor.open("describe")
    visitor.page.locator("#picture-examples button").first.click()
    visitor.captions()
    card = visitor.page.locator("#captions .card").first
    shown = card.locator("input:checked ~ .veil")
    expect(shown).to_have_css("opacity", "1")
    last = card.locator(".word").last
    last.click()
    expect(last.locator(".veil")).to_have_css("opacity", "1")
    expect(shown).to_have_count(1)
    photo, veil = card.locator(".photo").bounding_box(), last.locator(".veil").bounding_box()
    assert {side: round(veil[side]) for side in veil} == {side: round(photo[side]) for side in photo}


def ask_one_captioner(visitor, language: int) -> None:
    """The transformer alone, in the language at this place of the choice, with the settings of the search unfolded."""
    visitor.open("describe")
    visitor.upload(CAT)
    visitor.page.locator("#captioner label").nth(2).click()
    visitor.page.locator("#caption-language label").nth(language).click()
    visitor.page.locator("#describe-settings button").first.click()


def test_one_captioner_can_be_asked_alone_for_several_captions(visit):
    page = (visitor := visit()).page
    ask_one_captioner(visitor, language=1)
    visitor.fill("#num-captions", "3")
    page.locator("#describe").click()
    visitor.captions()
    expect(page.locator("#captions .card")).to_have_count(1)
    captions = [each.get_attribute("data-caption") for each in page.locator("#captions .sentence").all()]
    assert len(set(captions)) == 3


def test_captions_are_drawn_by_a_seed_and_by_a_pretrained_captioner(visit):
    page = (visitor := visit()).page
    ask_one_captioner(visitor, language=2)
    page.locator("#search label").last.click()
    visitor.fill("#num-captions", "5")
    visitor.fill("#top-p", "1")
    page.locator("#describe").click()
    expect(page.locator("#captions .sentence")).to_have_count(5)
    first = page.locator("#captions .captions").inner_text()
    for seed, same in (("1", False), ("0", True)):
        visitor.fill("#caption-seed", seed)
        page.locator("#describe").click()
        shown = expect(page.locator("#captions .captions"))
        (shown.to_have_text if same else shown.not_to_have_text)(first, use_inner_text=True)
    page.locator("#captioner label").last.click()
    expect(page.locator("#captioner-about")).to_contain_text("tiny-blip")
    page.locator("#describe").click()
    expect(page.locator("#captions .card")).to_have_attribute("data-model", "tiny-blip")
    expect(page.locator("#captions .card .veil")).to_have_count(0)
    assert visitor.outside == visitor.errors == []


def test_the_language_of_the_page_can_be_switched_and_is_kept(visit):
    page = visit(locale="zh-CN").page
    expect(page.locator("#create")).to_have_text("生成")
    page.locator("#switch-language").click()
    expect(page.locator("#create")).to_have_text("Create")
    assert not HAN.search(page.locator("#describe-empty, #create-empty").first.inner_text())
    page.goto(page.url.split("?")[0])
    expect(page.locator("#create")).to_have_text("Create")


@pytest.mark.parametrize("locale", ["zh", "zh-TW", "zh-Hans-SG"])
def test_every_chinese_browser_sees_chinese(visit, locale):
    expect(visit(locale=locale).page.locator("#create")).to_have_text("生成")


def test_other_browsers_see_english_throughout(visit):
    visitor = visit(locale="fr-FR")
    expect(visitor.page.locator("#create")).to_have_text("Create")
    assert visitor.page.evaluate("document.documentElement.lang") == "en"


def test_errors_are_said_in_chinese_and_the_page_goes_on(visit, tmp_path):
    visitor = visit(locale="zh-CN")
    for wrong, said in (("   ", "是空的"), ("🌼", "是空的"), ("жёлтый", "中文和英文"), ("花" * 10_000, "10000")):
        visitor.create(wrong)
        assert said in visitor.message()
    visitor.fill("#num-images", "2.5")
    visitor.create("一朵黄色的花")
    assert "2.5" in visitor.message()
    visitor.fill("#num-images", "4")
    visitor.page.locator("#random input").uncheck()
    for wrong in ("-1", "abc", str(10**30)):
        visitor.fill("#seed", wrong)
        visitor.create("一朵黄色的花")
        assert wrong in visitor.message()
    visitor.fill("#seed", "3")
    visitor.create("一朵\u0007黄色的花 🌼")
    expect(visitor.page.locator("#pictures .thumbnail-item img")).to_have_count(4)

    visitor.open("describe")
    visitor.page.locator("#describe").click()
    assert "还没有图片" in visitor.message()
    visitor.upload(CAT)
    visitor.page.locator("#describe").click()
    assert len(visitor.captions()) == 4


def odd_files(folder: Path) -> dict[Path, bool]:
    """Files that a visitor may upload, and whether they can be described."""
    whole = Image.open(CAT).convert("RGB")
    whole.save(folder / "whole.png")
    content = (folder / "whole.png").read_bytes()
    (folder / "notes.png").write_text("no picture")
    (folder / "empty.png").write_bytes(b"")
    (folder / "half.png").write_bytes(content[: len(content) // 2])
    Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    whole.convert("CMYK").save(folder / "cmyk.jpg")
    Image.new("I;16", (64, 64), 30_000).save(folder / "deep.png")
    whole.save(folder / "moving.gif", save_all=True, append_images=[Image.new("RGB", whole.size)])
    broken, fine = ("notes.png", "empty.png", "half.png", "bomb.png"), ("cmyk.jpg", "deep.png", "moving.gif")
    return {folder / name: False for name in broken} | {folder / name: True for name in fine}


def test_odd_files_are_described_or_explained(visit, tmp_path):
    visitor = visit(locale="zh-CN")
    visitor.open("describe")
    for path, readable in odd_files(tmp_path).items():
        visitor.upload(path)
        visitor.page.locator("#describe").click()
        if readable:
            assert len(visitor.captions()) == 4, path.name
        else:
            assert f"“{path.name}”" in visitor.message()
        visitor.page.reload()
        visitor.open("describe")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scroll(visit, scheme):
    visitor = visit(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    width = "document.documentElement.scrollWidth"
    visitor.create("a white flower with purple stripes")
    expect(visitor.page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    assert visitor.page.evaluate(width) == 390
    visitor.open("describe")
    visitor.page.locator("#picture-examples button").first.click()
    visitor.captions()
    assert visitor.page.evaluate(width) == 390
    assert visitor.page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


def test_two_visitors_do_not_see_each_others_pictures(visit):
    first, second = visit(), visit()
    first.create("a purple flower")
    expect(first.page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(second.page.locator("#create-empty")).to_be_visible()
    expect(second.page.locator("#pictures")).to_be_hidden()


def test_a_photo_is_recognised_and_a_word_shows_its_place(visit):
    visitor = visit(locale="zh-CN")
    page = visitor.page
    visitor.open("recognize")
    with page.expect_response(lambda response: "/upload" in response.url):
        page.locator("#recognize-picture input[type=file]").set_input_files(CAT)
    page.locator("#recognize").click()
    expect(page.locator("#recognition fieldset")).to_have_count(4)
    cat = page.locator("#recognition .concept[data-concept=cat]")
    expect(cat).to_contain_text("猫")
    expect(cat).not_to_have_class(re.compile("unsure"))
    brown = page.locator("#recognition .concept[data-concept=brown]")
    expect(brown.locator(".veil")).to_have_css("opacity", "0")
    brown.click()
    expect(brown.locator(".veil")).to_have_css("opacity", "1")
    assert visitor.outside == visitor.errors == []


def test_a_seed_is_taken_from_a_picture_and_the_picture_made_again_from_its_file(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    visitor.create("a purple flower")
    expect(page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    second = seeds(page)[1]
    page.locator("#pictures .thumbnail-item").nth(1).click()
    page.locator("#reuse").click()
    expect(page.locator("#seed textarea, #seed input")).to_have_value(str(second))
    expect(page.locator("#random input")).not_to_be_checked()
    with page.expect_download() as download:
        page.locator("#pictures button[aria-label=Download], #pictures a[download]").first.click()
    download.value.save_as(tmp_path / "picture.png")
    visitor.fill("#prompt", "something else")
    visitor.open("reproduce")
    with page.expect_response(lambda response: "/upload" in response.url):
        page.locator("#reproduce-picture input[type=file]").set_input_files(tmp_path / "picture.png")
    page.locator("#reproduce").click()
    expect(page.locator("#reproduced .verdict")).to_contain_text("The same picture")
    expect(page.locator("#reproduced img")).to_have_count(2)
    visitor.open("create")
    expect(page.locator("#prompt textarea, #prompt input")).to_have_value("a purple flower")
    assert visitor.outside == visitor.errors == []


def test_a_recipe_link_fills_the_form_and_nonsense_is_said(visit):
    page = (visitor := visit(query="?prompt=a+white+bird&model=diffusion&seed=41&random=0&steps=7&guidance=2")).page
    expect(page.locator("#prompt textarea, #prompt input")).to_have_value("a white bird")
    expect(page.locator("#seed textarea, #seed input")).to_have_value("41")
    expect(page.locator("#steps input[type=number]")).to_have_value("7")
    expect(page.locator("#random input")).not_to_be_checked()
    assert visitor.errors == []
    page = visit(query="?steps=[free](//elsewhere.example)").page
    expect(page.locator("#made")).to_contain_text("it is ?")
    expect(page.locator("#made a")).to_have_count(0)
    page = visit(query="?prompt=x&steps=many").page
    expect(page.locator("#made")).to_contain_text("it is many")
    expect(page.locator("#prompt textarea, #prompt input")).to_have_value("")


def test_many_pictures_are_described_and_taken_away(visit, tmp_path):
    visitor = visit()
    page = visitor.page
    visitor.open("batch")
    page.locator("#batch-files input[type=file]").set_input_files([CAT, CAT.with_name("flower.webp")])
    expect(page.locator("#batch-files")).to_contain_text("flower")
    page.locator("#batch").click()
    expect(page.locator("#batch-table")).to_contain_text("cat")
    page.locator("#batch-export").click()
    with page.expect_download() as download:
        page.locator("#batch-download a").first.click()
    download.value.save_as(tmp_path / "metadata.jsonl")
    page.locator("#batch-captioner label").last.click()
    expect(page.locator("#batch-captioner-about")).to_contain_text("tiny-blip")
    page.locator("#batch").click()
    expect(page.locator("#batch-table")).to_contain_text("tiny-blip")
    lines = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["file_name"] for line in lines} == {"cat.webp", "flower.webp"}
    assert all(line["captions"][0] for line in lines)
    assert visitor.outside == visitor.errors == []


def test_the_slider_walks_from_one_flower_to_another(visit):
    visitor = visit(locale="zh-CN")
    page = visitor.page
    visitor.open("play")
    page.locator("#play").click()
    frames = page.locator("#walk img")
    expect(frames).to_have_count(33)
    expect(page.locator("#walk img.shown")).to_have_count(1)
    page.locator("#play-slider input[type=range]").fill("100")
    expect(frames.last).to_have_class("shown")
    expect(page.locator("#play-download")).to_contain_text("walk")
    assert visitor.outside == visitor.errors == []


def test_models_are_compared_row_by_row(visit):
    visitor = visit()
    page = visitor.page
    visitor.open("compare")
    visitor.fill("#compare-prompt", "a purple flower")
    page.locator("#compare").click()
    expect(page.locator(".contender")).to_have_count(3)
    expect(page.locator(".contender img")).to_have_count(12)
    expect(page.locator(".contender small").first).to_contain_text("MB")
    page.locator("#grid-settings button").first.click()
    visitor.fill("#guidances", "1, 3")
    visitor.fill("#step-counts", "2")
    page.locator("#grid").click()
    expect(page.locator("#grid-sheet img")).to_be_visible()
    visitor.open("models")
    expect(page.locator("#ledger")).to_contain_text("diffusion")
    expect(page.locator("#suggestions tbody tr")).to_have_count(7)
    assert visitor.outside == visitor.errors == []


def test_a_round_trip_is_scored_and_a_picture_is_retold(visit):
    visitor = visit(locale="zh-CN")
    page = visitor.page
    visitor.open("trip")
    visitor.fill("#trip-prompt", "一只黄色的小鸟")
    visitor.fill("#trip-loops", "2")
    page.locator("#trip").click()
    expect(page.locator("#trip-result figure img")).to_have_count(8)
    expect(page.locator("#trip-result .curve circle")).to_have_count(2)
    expect(page.locator("#trip-result .words span").first).to_be_visible()
    page.locator("#retell-settings button").first.click()
    with page.expect_response(lambda response: "/upload" in response.url):
        page.locator("#retell-picture input[type=file]").set_input_files(CAT)
    page.locator("#retell").click()
    expect(page.locator("#trip-result figure img")).to_have_count(5)
    assert HAN.search(page.locator("#trip-result figcaption b").inner_text())
    assert visitor.outside == visitor.errors == []
