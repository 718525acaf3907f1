"""Tables of what the paper and its sources state: entries, printed numbers, trainings, checkpoints, exhibits."""

from weightfit.paper.rows import (
    MEASURED,
    Entry,
    Hyperparameter,
    Reported,
    State,
    conventions,
    entries,
    find_entry,
    hyperparameters,
    printed,
    reported,
    state,
    states,
    training,
)
from weightfit.paper.tsv import read_table

__all__ = [
    "MEASURED",
    "Entry",
    "Hyperparameter",
    "Reported",
    "State",
    "conventions",
    "entries",
    "find_entry",
    "hyperparameters",
    "printed",
    "read_table",
    "reported",
    "state",
    "states",
    "training",
]
