"""README and the manual: what is generated is what comes out, and every link leads somewhere."""

import re

import pytest
from manual import DOCUMENTS, MARKED, PARTS, filled

from weightfit.documents import ROOT


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if MARKED.search(read(name))])
def test_the_generated_parts_are_what_comes_out(name: str) -> None:
    assert filled(read(name)) == read(name), "run `make docs`"


def test_every_part_stands_somewhere_and_a_changed_one_is_noticed() -> None:
    assert {part for name in DOCUMENTS for _, part, _ in MARKED.findall(read(name))} == set(PARTS)
    text = read("docs/exhibits.md")
    assert filled(text.replace("| Figure 2 |", "| Figure 1 |")) == text


def test_the_first_screen_says_what_it_is_what_it_shows_and_what_it_does_not() -> None:
    lines = read("README.md").splitlines()
    assert len(lines) <= 150
    first = "\n".join(lines[:60])
    for text in ("arXiv:2605.18898", "## What these numbers are not", "`make audit`", "| evidence |", "claims in words",
                 "![Figure 5", "- [Tails](docs/findings.md#", "| measure a model of yours |", "**Needs:**",
                 "[commands](docs/commands.md)", "**Licence:**", "`CITATION.cff`"):  # fmt: skip
        assert text in first


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(name: str, text: str) -> list[str]:
    """List the relative links of a document that lead to no file or no heading."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (ROOT / name).parent / path if path else ROOT / name
        if not file.exists() or (anchor and anchor not in anchors(file.read_text(encoding="utf-8"))):
            dead.append(target)
    return dead


@pytest.mark.parametrize("name", [*DOCUMENTS, "CHANGELOG.md", "results/README.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    assert dead_links(name, read(name)) == []


def test_a_dead_link_is_noticed() -> None:
    text = "[a](method.md#speed) [b](method.md#haste) [c](absent.md) [d](#here)\n# Here\n"
    assert dead_links("docs/findings.md", text) == ["method.md#haste", "absent.md", "#here"]
