"""What axe finds on every tab, empty and with results, light and dark: nothing that keeps anybody out."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

LEAST = ("moderate", "serious", "critical")


def findings(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:160]}"
        for violation in found
        if violation["impact"] in LEAST
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_tab_can_be_read_and_used_by_everybody(visit, scheme):
    visitor = visit(color_scheme=scheme, viewport={"width": 1600, "height": 1000})
    page = visitor.page
    found = {}
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        visitor.settle()
        found[tab.inner_text()] = findings(page)
    assert len(found) >= 10
    assert not any(found.values()), found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_so_can_results(visit, scheme):
    visitor = visit(color_scheme=scheme)
    page = visitor.page
    visitor.create("a yellow flower and an umbrella")
    expect(page.locator("#pictures .thumbnail-item img")).to_have_count(4)
    visitor.settle()
    found = {"create": findings(page)}
    for tab, example, card in (("describe", "#picture-examples", "#captions"),
                               ("recognize", "#recognize-examples", "#recognition")):  # fmt: skip
        visitor.open(tab)
        page.locator(f"{example} button").first.click()
        page.locator(f"{card} .card").first.wait_for()
        visitor.settle()
        found[tab] = findings(page)
    visitor.open("compare")
    page.locator("#contenders label").nth(1).click()
    page.locator("#contenders label").nth(2).click()
    visitor.fill("#compare-prompt", "a red flower")
    page.locator("#compare").click()
    page.locator(".contender").first.wait_for()
    visitor.settle()
    found["compare"] = findings(page)
    assert not any(found.values()), found
