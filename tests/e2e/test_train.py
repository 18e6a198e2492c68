"""The Train tab: a small run on the sample set is seen to learn, ended, used to make pictures, and deleted."""

from playwright.sync_api import expect


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
