"""README and the manual: what is generated is what comes out, and every link leads somewhere."""

import re

import pytest
from manual import DOCUMENTS, MARKED, PARTS, filled, printed_line
from test_house import FLOW

from weightfit.documents import ROOT
from weightfit.studies.closure import READINGS, closure_error
from weightfit.studies.shape_error import least_noisy_trim, relative_shape_variance, shape_with_outliers
from weightfit.studies.theory import (
    TRIMS,
    equalising_edges,
    least_noisy_probability,
    ordinate_variance,
    theory,
)


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


def told_by_theory() -> list[str]:
    """Return the figures of the part of docs/findings.md that needs no weights, from values that are computed here."""
    law = {(row["quantity"], row["trim"], row["degrees"]): row["value"] for row in theory()}
    shapes = [[law[f"{name}_shape", trim, degrees] for trim in TRIMS]
              for name, degrees in (("half_normal", None), ("student_t", 25))]  # fmt: skip
    gaps = [law["half_normal_gap", None, None], law["student_t_gap", None, 4], law["student_t_gap", None, 25]]
    gaps.append(shape_with_outliers(0.001, 10, TRIMS[0]) - shape_with_outliers(0.001, 10, TRIMS[-1]))
    line = printed_line()
    interval = f"[{line.correlation_low:.2f}, {line.correlation_high:.3f}]"
    least = least_noisy_probability()
    noise = [ordinate_variance(at) / ordinate_variance(least) for at in (0.1, 0.9)]
    return [
        *("{:.4f}, {:.4f} and {:.4f}".format(*shapes[0]), "({:.4f}, {:.4f}, {:.4f}".format(*shapes[1])),
        *(f"{gap:.4f}" for gap in gaps),
        *(f"{100 * abs(closure_error(reading, TRIMS[0])):.1f} %" for reading in READINGS),
        f"R² = {law['half_normal_r_squared', TRIMS[0], None]:.4f}",
        *(f"r = {line.correlation:.3f}", interval, f"{line.exponent:.2f} ± {line.exponent_se:.2f}"),
        *(f"{line.r_squared:.1f}", f"F = {least:.3f}", f"{noise[0]:.2f} times", f"{noise[1]:.2f} times"),
        "F from {:.3f} to {:.3f}".format(*equalising_edges(TRIMS[0])),
        f"least at trim {least_noisy_trim():.3f}",
        *(f"{relative_shape_variance(trim):.2f}" for trim in (TRIMS[0], TRIMS[-1])),
    ]


def test_the_findings_of_theory_are_what_comes_out() -> None:
    text = " ".join(read("docs/findings.md").partition("## What theory alone gives")[2].split())
    told = text.partition("## What the instrument")[0]
    assert [figure for figure in told_by_theory() if figure not in told] == []


def test_the_map_has_the_order_that_the_imports_keep() -> None:
    rows = [row for row in read("CONTRIBUTING.md").splitlines() if row.startswith("| ")]
    places = [
        next(at for at, row in enumerate(rows) if f"`weightfit/{name}" in row)
        for name in " ".join(FLOW).split()
    ]
    assert places == sorted(places)


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
