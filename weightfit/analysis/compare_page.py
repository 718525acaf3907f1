"""The page of a comparison of two models, in the style of that of one model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from weightfit.analysis import figures
from weightfit.analysis.comparison import FALSE_ALARM, Changes, sentence
from weightfit.analysis.page import STYLES
from weightfit.documents import data, whole_file
from weightfit.exhibits.style import COMPONENT_NAMES
from weightfit.report.template import environment

TEMPLATE = "workflow/report/comparison.html.j2"


def write_page(path: Path, changes: Changes) -> None:
    """Write the page of a comparison, one file that loads nothing from the network.

    Parameters
    ----------
    path
        File to write.
    """
    template = data(TEMPLATE)
    rows = [{**row, "unchanged": 0.0} for row in changes.rows]
    text = (
        environment(template.parent)
        .get_template(template.name)
        .render(
            one=changes.one.model,
            other=changes.other.model,
            changes=changes,
            moved=sorted((row for row in rows if row["moved"]), key=lambda row: -abs(row["shape_change"])),
            sentence=sentence,
            shapes=figures.by_block(rows, figures.CHANGE, _moved(rows, "shape"), "k"),
            scales=figures.by_block(rows, figures.SCALE_CHANGE, _moved(rows, "scale"), "s"),
            names=COMPONENT_NAMES,
            false_alarm=FALSE_ALARM,
            style=Markup("\n".join(data(name).read_text("utf-8") for name in STYLES)),  # noqa: S704 (our own)
        )
    )
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _moved(rows: Sequence[Mapping[str, Any]], what: str) -> dict[str, list[tuple[str, int]]]:
    """Return the kinds and blocks that are ringed: those that moved, unless so many did that rings tell nothing."""
    found = [(row["component"], row["block"]) for row in rows if what in (row["moved"] or "")]
    return {"moved": found if 3 * len(found) <= len(rows) else []}
