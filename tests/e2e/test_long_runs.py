"""Runs that take a while: their steps, their place in the queue, their end by the visitor, and pretrained pipelines."""

from playwright.sync_api import Page, expect


def choose_model(page: Page, number: int) -> None:
    page.locator("#model label").nth(number).click()


def test_diffusion_shows_its_steps_and_then_its_pictures(visit):
    visitor = visit()
    page = visitor.page
    choose_model(page, 1)
    visitor.fill("#steps", "40")
    visitor.create("a purple flower")
    expect(page.locator("#progress .run")).to_contain_text("of 40")
    expect(page.locator("#progress .previews img")).to_have_count(4)
    expect(page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(page.locator("#made")).to_contain_text("40 steps, guidance 1.5")
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#stop")).to_be_disabled()
    assert visitor.outside == visitor.errors == []


def test_stop_ends_the_own_run_and_nobody_elses(visit):
    """The second visitor waits for the first, whose stop must not touch the second's pictures."""
    first, second = visit(), visit(locale="zh-CN")
    for visitor in (first, second):
        choose_model(visitor.page, 1)
    first.fill("#steps", "60")
    first.fill("#num-images", "8")
    second.fill("#steps", "4")
    first.create("a purple flower")
    expect(first.page.locator("#progress .previews img")).to_have_count(8)
    second.create("一朵黄色的花")
    expect(second.page.locator("#progress .progress-text")).to_contain_text("排队，位置 1/1")
    first.page.locator("#stop").click()
    expect(first.page.locator("#made")).to_have_text("Stopped.")
    expect(first.page.locator("#progress")).to_be_hidden()
    expect(second.page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(first.page.locator("#pictures")).to_be_hidden()
    first.fill("#steps", "2")
    first.create("a white flower")
    expect(first.page.locator("#pictures .thumbnail-item img")).to_have_count(8)


def test_esc_stops_as_the_button_does(visit):
    page = (visitor := visit()).page
    choose_model(page, 1)
    visitor.fill("#steps", "60")
    visitor.fill("#num-images", "8")
    visitor.create("a purple flower")
    expect(page.locator("#progress .previews img")).to_have_count(8)
    page.keyboard.press("Escape")
    expect(page.locator("#made")).to_have_text("Stopped.")
    expect(page.locator("#stop")).to_be_disabled()


def test_a_pretrained_pipeline_of_the_models_folder(visit):
    visitor = visit()
    page = visitor.page
    choose_model(page, 3)
    expect(page.locator("#pretrained-about")).to_contain_text("tiny-sd")
    page.locator("#own-settings input").uncheck()
    visitor.fill("#steps", "3")
    visitor.create("a red flower")
    expect(page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    expect(page.locator("#made")).to_contain_text("tiny-sd")
    expect(page.locator("#made")).to_contain_text("3 steps")


def test_a_hub_id_offline_is_one_sentence(visit):
    visitor = visit()
    page = visitor.page
    choose_model(page, 3)
    visitor.fill("#pretrained", "somebody/some-pipeline").press("Enter")
    expect(page.locator("#pretrained-about")).to_contain_text("can't be reached")
    visitor.create("a red flower")
    assert "gan, diffusion" in visitor.message()
    expect(page.locator("#progress")).to_be_hidden()
    expect(page.locator("#stop")).to_be_disabled()
