"""Rows of the table of fits with planted values, and a request that reads them."""

import exhibit_maker

from weightfit import table

FACTS = {"paper_entry": None, "stand_in": False, "exclude": {}, "initialization_of": None}
DEFAULTS = {
    "step": 3000,
    "terminal": True,
    "block": 0,
    "protocol": "centred",
    "trim": 0.80,
    "sign": "both",
    "n": 100,
    "excluded": 0,
    "exactness": "f16",
    "zeros": 0,
    "shape": 1.2,
    "scale": 0.02,
    "shape_se": 0.01,
    "scale_se": 0.001,
    "shape_null": 1.2054,
    "scale_null": 0.021,
    "r_squared": 0.99,
    "r_squared_null": 0.99,
    "ks_distance": 0.01,
    "ks_distance_null": 0.01,
    "ks_distance_trimmed": 0.01,
    "ks_distance_trimmed_null": 0.01,
}


def fit(entry, component, **values):
    return DEFAULTS | {"entry": entry, "component": component} | values


def write(folder, name, rows):
    built = table.of_rows(name, rows)
    table.write(folder / f"{name}.parquet", name, built, {})


def request(folder, label, keys, stand_in=False):
    """Ask for an exhibit of these entries of the paper, which this cohort calls ``own-...``."""
    entries = {f"own-{key}": FACTS | {"paper_entry": key, "stand_in": stand_in} for key in keys}
    cohort = {"steps": {}, "blocks": {}, "absent": {}}
    return exhibit_maker.request(label, folder, folder / "drawn", entries, cohort)
