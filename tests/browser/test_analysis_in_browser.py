"""The page of a model in a real browser: wide and narrow, light and dark, printed, by keyboard."""

from pathlib import Path
from typing import Literal

import pytest
from analysed import odd_model
from browsing import title_with_script, visit
from playwright.sync_api import Browser, Page

from weightfit.analysis.around import Neighbour
from weightfit.analysis.page import write_page

WIDE, NARROW = (1400, 900), (390, 844)
OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true; })"

# Elements that reach beyond the window and are in no box that scrolls.
BEYOND = """() => Array.from(document.querySelectorAll('body *')).filter(each =>
  !each.closest('.scroll, .skip') && each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(each => each.outerHTML.slice(0, 80))"""

# Ratio of contrast of texts to what is behind them (WCAG 2).
CONTRAST = """() => {
  const light = colour => { const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const against = colour => { const own = light(colour);
    return (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05); };
  const texts = Array.from(document.querySelectorAll('p, td, th, dt, dd, summary, h1, h2, h4'))
    .map(each => against(getComputedStyle(each).color));
  const drawn = Array.from(document.querySelectorAll('svg text')).map(each => against(getComputedStyle(each).fill));
  return [Math.min(...texts), Math.min(...drawn)];
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    around = [Neighbour("lab-x", True, {"q": 1.1, "gate": 1.19}), Neighbour("y", False, {"q": 1.2})]
    write_page(path, [odd_model()], around=around)
    return path.as_uri()


def widths(opened: Page) -> int:
    found: int = opened.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_is_cut_and_all_can_be_read(
    browser: Browser, address: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    with visit(browser, address, size, scheme=scheme) as opened:
        opened.evaluate(OPEN)
        assert widths(opened) <= size[0]
        assert opened.evaluate(BEYOND) == []
        texts, drawn = opened.evaluate(CONTRAST)
        assert texts >= 4.5
        assert drawn >= 3
        background = opened.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") is (scheme == "light")
        smallest = opened.evaluate(
            "Math.min(...Array.from(document.querySelectorAll('svg text')).map("
            "each => parseFloat(getComputedStyle(each).fontSize) * "
            "Math.hypot(each.getScreenCTM().a, each.getScreenCTM().b)))"
        )
        assert smallest >= 8.5  # pixels
        for table in opened.locator(".scroll").all():
            assert table.evaluate("each => each.scrollWidth <= each.clientWidth || each.tabIndex === 0")


def test_printed_all_columns_are_on_the_paper(browser: Browser, address: str) -> None:
    with visit(browser, address, (680, 900), scheme="dark") as opened:  # A4 without its margins
        opened.evaluate(OPEN)
        opened.emulate_media(media="print")
        assert widths(opened) <= 680
        assert opened.evaluate(BEYOND.replace(".scroll, ", "")) == []
        assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert opened.evaluate(CONTRAST)[0] >= 4.5


def test_the_keyboard_reaches_tables_and_notes_and_shows_where_it_is(browser: Browser, address: str) -> None:
    with visit(browser, address, NARROW, script=True) as opened:
        opened.keyboard.press("Tab")
        assert opened.evaluate("document.activeElement.textContent") == "Skip to the content"
        opened.keyboard.press("Tab")
        assert opened.evaluate("document.activeElement.textContent") == "By which rules"
        assert "solid 3px" in opened.evaluate("getComputedStyle(document.activeElement).outline")
        opened.keyboard.press("Enter")
        assert opened.get_by_text("Hartigan's dip test").is_visible()
        reached = set()
        for _ in range(12):
            opened.keyboard.press("Tab")
            reached.add(opened.evaluate("document.activeElement.getAttribute('aria-label')"))
        assert {"Answers to the paper’s claims", "Kinds of matrices"} <= reached


def test_a_stranger_s_script_does_not_run(browser: Browser, tmp_path: Path, address: str) -> None:
    assert title_with_script(browser, address, tmp_path) == "odd <model>: weights"
