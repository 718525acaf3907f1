"""Opens pages in a browser, and checks that they complain of nothing and ask for nothing but themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page

# What a browser does by itself would be refused by a machine without network, and is not what is tested.
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
QUIET += ("--disable-quic", "--disable-sync", "--no-first-run")
DESKTOP, PHONE = (1280, 900), (375, 667)


def title_with_script(browser: Browser, address: str, folder: Path) -> str:
    """Return the title of a page into which a stranger has put a script that would change it."""
    text = Path(address.removeprefix("file://")).read_text(encoding="utf-8")
    path = folder / "index.html"
    path.write_text(text.replace("</main>", "<script>document.title = 'run'</script></main>", 1))
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(path.as_uri())
    title = opened.title()
    context.close()
    return title


@contextmanager
def visit(
    browser: Browser,
    address: str,
    size: tuple[int, int] = DESKTOP,
    script: bool = True,
    part: str = "",
    scheme: Literal["light", "dark"] = "light",
) -> Iterator[Page]:
    """Open the page, and check that all the while it complained of nothing and asked for nothing but itself."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, java_script_enabled=script, color_scheme=scheme
    )
    complaints: list[str] = []
    asked: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(address + part)
    yield opened
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
