"""How the shape, the kurtosis and the exponent of the spectrum of a matrix go together over the blocks of models."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import spearmanr

from weightfit.components import CROSS_ATTENTION, POOLS
from weightfit.studies.selection import in_blocks, protocol

KINDS: Mapping[str, tuple[str, ...]] = {
    "attention": (*POOLS["qkv"], "o", *CROSS_ATTENTION),
    "feed_forward": POOLS["ffn"],
}
"""The kinds of matrices that are looked at together."""

LEAST_BLOCKS = 4
"""Least number of blocks over which a correlation is taken."""

_KEY = ("entry", "step", "block", "component")


@dataclass(frozen=True)
class Correlation:
    """A rank correlation over the blocks of one model.

    Attributes
    ----------
    value
        Mean of Spearman's correlations within each kind of matrix of each entry of the model, weighted by their numbers
        of matrices.
    null_deviation
        Its standard deviation if the ranks of the two statistics are independent within each kind; its mean is 0 then.
    matrices
        Number of matrices.
    """

    value: float
    null_deviation: float
    matrices: int


@dataclass(frozen=True)
class Agreement:
    """What the correlations of several models say together; each model counts once.

    Attributes
    ----------
    mean, least, greatest
        Of the correlations.
    models
        Number of models.
    p
        Share of the choices of a sign for each model under which the mean is at least as far from 0. It is at least
        2 / 2^models.
    """

    mean: float
    least: float
    greatest: float
    models: int
    p: float


def matrices(spectra: pa.Table, fits: pa.Table, moments: pa.Table) -> list[dict[str, Any]]:
    """Return one row for each matrix of the last step of an entry that has a spectrum, a fit and moments.

    Parameters
    ----------
    spectra, fits, moments
        Tables of these contracts.

    Returns
    -------
    list of dict
        Columns of ``spectra``, and beside them ``shape``, ``shape_se`` and ``shape_null`` under the paper's protocol,
        and ``kurtosis``; in the order of ``spectra``.
    """
    chosen = fits.filter(protocol() & in_blocks() & pc.field("terminal"))
    shapes = {tuple(row[name] for name in _KEY): row for row in chosen.to_pylist()}
    kurtoses = {
        tuple(row[name] for name in _KEY): row["kurtosis"]
        for row in moments.filter(in_blocks() & pc.field("terminal")).select([*_KEY, "kurtosis"]).to_pylist()
    }
    return [
        row
        | {name: shapes[key][name] for name in ("shape", "shape_se", "shape_null")}
        | {"kurtosis": kurtoses[key]}
        for row in spectra.to_pylist()
        if (key := tuple(row[name] for name in _KEY)) in shapes and key in kurtoses
    ]


def correlation(rows: Sequence[Mapping[str, Any]], one: str, other: str) -> Correlation | None:
    """Correlate the ranks of two statistics over the blocks of one model.

    Ranks are taken within each kind of matrix of each entry, so that neither differences between kinds nor between
    entries count. Over n blocks, Spearman's correlation of independent ranks has the variance 1 / (n - 1).

    Parameters
    ----------
    rows
        Rows of `matrices` of one model, which has several entries if it has several stacks.
    one, other
        Names of the two statistics.

    Returns
    -------
    Correlation or None
        None if no kind has `LEAST_BLOCKS` matrices whose statistics differ.
    """
    # ASSUME spectra-strata: ranks are compared within one kind of matrix of one entry, over its blocks.
    found = list(_within_kinds(rows, one, other))
    if not found:
        return None
    total = sum(number for number, _ in found)
    variance = sum(number**2 / (number - 1) for number, _ in found) / total**2
    return Correlation(sum(number * value for number, value in found) / total, math.sqrt(variance), total)


def _within_kinds(rows: Sequence[Mapping[str, Any]], one: str, other: str) -> Iterator[tuple[int, float]]:
    strata: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        strata.setdefault((row["entry"], row["component"]), []).append((row[one], row[other]))
    for pairs in strata.values():
        first, second = np.array(pairs).T
        if len(pairs) >= LEAST_BLOCKS and np.ptp(first) > 0 and np.ptp(second) > 0:
            yield len(pairs), float(spearmanr(first, second).statistic)


def agreement(values: Sequence[float]) -> Agreement:
    """Return what the correlations of several models say together.

    Parameters
    ----------
    values
        Correlation of each model, of which there is at least one.
    """
    # ASSUME spectra-signs: models are independent of each other, and each correlation is as likely to have either sign.
    signs = np.array(list(product((1.0, -1.0), repeat=len(values))))
    means = np.abs(signs @ np.array(values)) / len(values)
    reached = means >= means[0] - 1e-12  # rounding must not tell a choice of signs from its opposite
    return Agreement(
        float(np.mean(values)),
        min(values),
        max(values),
        len(values),
        float(np.count_nonzero(reached)) / len(means),
    )


def models(known: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the entries of each real model by its name; those of which the same is stated are stacks of one model.

    Parameters
    ----------
    known
        What the cohort file states of each real model, by entry.

    Returns
    -------
    dict
        Entries by the name of the model, which is the common beginning of their ids.
    """
    # ASSUME one-model: two entries of which a cohort file states the same are one model and count once.
    groups: list[list[str]] = []
    for entry, facts in known.items():
        same = [group for group in groups if known[group[0]] == facts]
        if same:
            same[0].append(entry)
        else:
            groups.append([entry])
    return {_common(group): group for group in groups}


def _common(names: Sequence[str]) -> str:
    shared = 0
    while shared < min(map(len, names)) and len({name[shared] for name in names}) == 1:
        shared += 1
    return names[0][:shared].rstrip("-.") or " and ".join(names)
