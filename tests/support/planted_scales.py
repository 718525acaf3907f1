"""Scales of planted courses of training, and the tables that exhibits read of them."""

import exhibit_maker
from planted_fits import FACTS, write

from weightfit import paper, table
from weightfit.paper import exhibits
from weightfit.studies.steady_state import Origin, steady_state, steady_state_lines

TRAINING = {"peak_learning_rate": 0.002, "weight_decay": 0.125, "steps": 400}


def scale(entry, step, median, *, component="o", mean=None, terminal=False, error=0.001):
    """Return a row of the table of scales."""
    own = {"scale_median": median, "scale_q25": 0.9 * median, "scale_q75": 1.1 * median}
    own |= {"scale_mean": median if mean is None else mean, "scale_mean_se": error, "shape_median": 1.2}
    return own | {"entry": entry, "step": step, "terminal": terminal, "component": component, "blocks": 3}


def ends(scales, start=0.01):
    """Return rows of the scale of o before and after training, by the paper's entries, called ``own-...``."""
    return [
        scale(f"own-{key}", step, value, terminal=step > 0)
        for key, last in scales.items()
        for step, value in ((0, start), (9, last))
    ]


def request(folder, label, rows, entries, trainings=None, steps=None):
    """Ask for an exhibit of a cohort with these scales.

    Parameters
    ----------
    rows
        Of the table of scales.
    entries
        The entry of the paper by this cohort's.
    trainings
        The rates of those of this cohort that are stand-ins, empty where nobody states them.
    """
    trainings = trainings or {}
    facts = {
        entry: FACTS | {"paper_entry": key, "stand_in": entry in trainings} for entry, key in entries.items()
    }
    origins = {
        entry: Origin(key, entry in trainings, None, False, trainings.get(entry) or None)
        for entry, key in entries.items()
    }
    write(folder, "scaling", rows)
    published = {name: paper.training(name) for name in paper.conventions()}
    scaling = table.read(folder / "scaling.parquet", "scaling")
    known = steady_state(scaling, origins, published, paper.states())
    table.write(folder / "steady_state.parquet", "steady_state", known, {})
    lines = steady_state_lines(known, exhibits.groups())
    table.write(folder / "steady_state_lines.parquet", "steady_state_lines", lines, {})
    cohort = {"steps": steps or {}, "blocks": {}, "absent": {}}
    return exhibit_maker.request(label, folder, folder / "drawn", facts, cohort)
