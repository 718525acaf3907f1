"""The page in a real headless Chromium: search, filter, chains, keyboard, phone, without script, without network."""

from pathlib import Path

import pytest
from browsing import DESKTOP, PHONE, title_with_script, visit
from page_run import ENTRY, MEASURED, make_run, page
from playwright.sync_api import Browser, Locator, Page

from weightfit import paper

SHOWN = "#numbers > tbody:visible"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("run")
    path = folder / "index.html"
    path.write_text(page(make_run(folder)), encoding="utf-8")
    return path.as_uri()


def shown(opened: Page) -> list[str]:
    ids: list[str] = opened.locator(SHOWN).evaluate_all("all => all.map(each => each.id)")
    return ids


def field(opened: Page, name: str) -> Locator:
    return opened.locator(f"#filters [name={name}]")


def test_words_are_searched_together_and_in_any_case(browser: Browser, address: str) -> None:
    with visit(browser, address) as opened:
        assert shown(opened) == list(paper.reported())
        field(opened, "words").fill("PYTHIA-70m  table extreme")
        found = shown(opened)
        assert "T2.pythia-70m.extreme" in found
        assert not {MEASURED, "T2.pythia-160m.extreme"} & set(found)
        assert len(found) < 10
        assert opened.locator("#filters output").inner_text() == f"{len(found)} of 646 numbers"
        field(opened, "words").fill("no such words anywhere")
        assert shown(opened) == []
        opened.get_by_role("button", name="Clear").click()
        opened.get_by_text("646 of 646 numbers").wait_for()
        assert len(shown(opened)) == 646


def test_each_filter_narrows_what_the_others_leave(browser: Browser, address: str) -> None:
    with visit(browser, address) as opened:

        def rows(**wanted: str) -> list[str]:
            matching: list[str] = opened.locator("#numbers > tbody").evaluate_all(
                "(all, wanted) => all.filter(each => Object.entries(wanted).every("
                "([key, value]) => each.dataset[key] === value)).map(each => each.id)",
                wanted,
            )
            return matching

        field(opened, "verdict").select_option("differs")
        differing = shown(opened)
        assert differing == rows(verdict="differs")
        assert 0 < len(differing) < 646
        field(opened, "place").select_option("Table 4")
        assert shown(opened) == rows(verdict="differs", place="Table 4")
        field(opened, "verdict").select_option("")
        assert shown(opened) == [row.id for row in paper.reported().values() if row.where == "Table 4"]
        field(opened, "evidence").select_option("none")
        assert shown(opened) == rows(evidence="none", place="Table 4")


def test_a_count_of_the_summary_shows_its_numbers(browser: Browser, address: str) -> None:
    with visit(browser, address) as opened:
        field(opened, "place").select_option("Table 7")
        count = opened.locator(".counts a[data-verdict=ambiguous][data-evidence=configuration]")
        told = int(count.inner_text().split()[0])
        count.click()
        assert len(shown(opened)) == told
        assert field(opened, "place").input_value() == ""
        assert field(opened, "verdict").input_value() == "ambiguous"
        assert opened.locator("#filters").is_visible()


def test_a_chain_opens_down_to_the_bytes(browser: Browser, address: str) -> None:
    with visit(browser, address) as opened:
        number = opened.locator(f"[id='{MEASURED}']")
        assert not number.locator("q").is_visible()
        number.locator("summary").click()
        assert number.locator("q").is_visible()
        number.get_by_role("link", name="table_2").first.click()
        names = ("super_weights.parquet", "fits.parquet", f"fits/{ENTRY}.parquet")
        for name in (*names, f"histograms/{ENTRY}.parquet"):
            link = opened.locator("details.made[open]").get_by_role("link", name=name, exact=True)
            link.wait_for()
            link.click()
        opened.get_by_text("step0.safetensors").wait_for()


def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: Browser, address: str) -> None:
    with visit(browser, address) as opened:
        opened.keyboard.press("Tab")
        assert opened.evaluate("document.activeElement.textContent") == "Skip to the content"
        assert opened.locator(".skip").bounding_box()["x"] >= 0  # type: ignore[index]
        number = opened.locator(f"[id='{MEASURED}']")
        number.get_by_role("link", name=MEASURED).focus()
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.tagName") == "A":  # the place, if its exhibit is here
            opened.keyboard.press("Tab")
        assert opened.evaluate("document.activeElement.tagName") == "SUMMARY"
        outline = opened.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline
        opened.keyboard.press("Enter")
        assert number.locator("q").is_visible()
        opened.keyboard.press("Enter")
        assert not number.locator("q").is_visible()


def test_an_address_opens_its_number_even_if_filters_hide_it(browser: Browser, address: str) -> None:
    with visit(browser, address, part=f"#{MEASURED}") as opened:
        number = opened.locator(f"[id='{MEASURED}']")
        assert number.locator("q").is_visible()
        box = number.bounding_box()
        assert box is not None
        assert 0 <= box["y"] < DESKTOP[1]
        field(opened, "verdict").select_option("differs")
        assert not number.is_visible()
        opened.evaluate(f"location.hash = ''; location.hash = '#{MEASURED}'")
        number.locator("q").wait_for()


@pytest.mark.parametrize("width", [320, 375, 700, 1000, 1280])
def test_nothing_is_wider_than_the_window(browser: Browser, address: str, width: int) -> None:
    with visit(browser, address, (width, 800)) as opened:
        opened.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        widths = opened.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]")
        assert max(widths) <= width


def test_a_phone_shows_what_each_value_is(browser: Browser, address: str) -> None:
    with visit(browser, address, PHONE) as opened:
        field(opened, "words").fill(MEASURED)
        number = opened.locator(f"[id='{MEASURED}']")
        for cell in number.locator("tr").first.locator("th, td:not(:empty)").all():
            box = cell.bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE[0]
        names = number.locator("[data-name=stand-in]").evaluate(
            "each => getComputedStyle(each, '::before').content"
        )
        assert "data-name" in names or "stand-in" in names
        number.locator("summary").click()
        assert number.locator("q").is_visible()


def test_without_script_all_is_there_unfiltered(browser: Browser, address: str) -> None:
    with visit(browser, address, script=False) as opened:
        assert opened.locator(SHOWN).count() == 646
        assert not opened.locator("#filters").is_visible()
        number = opened.locator(f"[id='{MEASURED}']")
        number.locator("summary").click()
        assert number.locator("q").is_visible()


def test_a_stranger_s_script_does_not_run(browser: Browser, tmp_path: Path, address: str) -> None:
    assert title_with_script(browser, address, tmp_path) == "weightfit: made-up"
