"""The Train tab: small runs on the sample set are seen to learn, ended, used by the tab that can, and deleted."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import ROOT

FLOWER = ROOT / "assets" / "sample-set" / "images" / "flower-1.webp"


def test_a_model_is_trained_and_tried_out(visit):
    visitor = visit(locale="zh-CN")
    page = visitor.page
    visitor.open("train")
    expect(page.locator("#train-empty")).to_be_visible()
    page.locator("#train-check").click()
    expect(page.locator("#train-forecast")).to_contain_text("96", timeout=300_000)
    page.locator("#train-start").click()
    run = page.locator("#train-view")
    expect(run.locator("polyline").first).to_be_attached(timeout=300_000)
    expect(run.locator(".sheet img")).to_be_visible(timeout=300_000)
    page.reload()
    visitor.open("train")
    expect(page.locator("#train-pause")).to_be_visible()
    page.locator("#train-end").click()
    expect(run.locator("[data-phase=finished]")).to_be_attached(timeout=120_000)
    page.locator("#train-use").click()
    visitor.create("一朵黄色的花")
    expect(page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(page.locator("#made")).to_contain_text("gan-")

    visitor.open("train")
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.locator("#train-remove").click()
    expect(page.locator("#train-remove")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#train-remove").click()
    expect(page.locator("#train-empty")).to_be_visible()
    assert asked == ["要删除这次训练和它的全部结果吗？"]
    assert visitor.outside == visitor.errors == []


@pytest.mark.parametrize(
    ("model", "tab", "button", "card"),
    [("lstm", "describe", "#describe", "#captions .card"), ("recognizer", "recognize", "#recognize", "#recognition")],
)
def test_what_reads_pictures_is_trained_and_opens_where_it_is_used(visit, model, tab, button, card):
    visitor = visit()
    page = visitor.page
    visitor.open("train")
    page.locator(f"#train-model input[value={model}]").check()
    page.locator("#train-check").click()
    expect(page.locator("#train-forecast")).to_contain_text("96", timeout=300_000)
    page.locator("#train-start").click()
    run = page.locator("#train-view")
    # until the new run has begun, the one before it may still be shown, curves and all
    expect(run.locator("[data-phase=running] polyline").first).to_be_attached(timeout=300_000)
    page.locator("#train-end").click()
    expect(run.locator("[data-phase=finished]")).to_be_attached(timeout=120_000)
    page.locator("#train-use").click()
    chosen = page.locator(f"#{tab}-input input[type=radio]:checked[value^={model}-]")
    expect(chosen).to_be_visible()
    with page.expect_response(lambda response: "/upload" in response.url):
        page.locator(f"#{tab}-input input[type=file]").first.set_input_files(FLOWER)
    page.locator(button).click()
    expect(page.locator(card).first).to_be_visible()
    assert visitor.outside == visitor.errors == []
