"""Tables of what the paper and its sources state: entries, printed numbers, trainings, checkpoints, exhibits."""

from weightfit.paper.predictions import Prediction, predictions, predictions_digest
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
    "Prediction",
    "Reported",
    "State",
    "conventions",
    "entries",
    "find_entry",
    "hyperparameters",
    "predictions",
    "predictions_digest",
    "printed",
    "read_table",
    "reported",
    "state",
    "states",
    "training",
]
