"""Maximum-likelihood fits of families of laws to counts of magnitudes in common cells, for many matrices at once."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from weightfit.counts.kernels import compiled
from weightfit.studies.law_families import FAMILIES, HALF_NORMAL, STUDENT_LIMIT, Family, Sketch, Values

EDGES: Values = np.concatenate(
    [[0.0], np.geomspace(1e-6, 0.2, 129)[:-1], np.linspace(0.2, 4, 191), np.geomspace(4, 1e5, 343)[1:]]
)
"""Edges of the cells, in units of a matrix's standard deviation; Gaussian weights put at most 1.6 % in one cell."""

RANGES = ("whole", "body")
"""Ranges to which laws are fitted: all magnitudes, or those inside `BODY`, with the others known to lie outside."""

# ASSUME body-range: the body lies between the 10 % and the 90 % quantile, as the paper's trim of 0.80 does.
# Its ends are the edges of cells that are nearest to these quantiles.
BODY = (0.1, 0.9)

# No body ends above the fine cells: by Chebyshev's inequality, at most 1/16 of all weights lie beyond 4 deviations.
# Densities are integrated in wider cells there.
_FINE = int(np.searchsorted(EDGES, 4.0))
_BODY_EDGES = np.concatenate([EDGES[1:_FINE], EDGES[_FINE::3]])
_CHUNK = 64  # matrices at a time, so that the data fit into a processor's cache
_MOST_STEPS = 200
_SMALL_GAIN = 1e-6  # in log likelihood
_LONGEST_STEP = 1.0  # in the log of a parameter
_FARTHEST = 16.0


@dataclass(frozen=True)
class FamilyFit:
    """The most likely law of a family for each of several matrices; every field is ``(m,)``.

    Attributes
    ----------
    scale, scale_se
        Scale and its standard error, in units of the standard deviation of the weights.
    shape, shape_se
        Second parameter of the family and its standard error. Both are not-a-number where the family has none. So are
        the degrees of freedom where the likelihood is largest at their limit, the half-normal law.
    log_likelihood
        Log likelihood of the counts, from the probabilities of their cells.
    ks_distance
        Largest distance between the empirical and the fitted distribution function over the edges of the cells, in the
        body from one of its ends to the other.
    converged
        Whether a maximum of the likelihood was found.
    """

    scale: Values
    scale_se: Values
    shape: Values
    shape_se: Values
    log_likelihood: Values
    ks_distance: Values
    converged: NDArray[np.bool_]


@dataclass(frozen=True)
class _Nodes:
    """Nodes at which the density of the log magnitude is evaluated, to integrate it over the first few cells.

    The rules are Gauss-Laguerre with 16 nodes below the first edge, where densities are close to powers of the
    magnitude, and Gauss-Legendre with 3 nodes in every other cell.
    """

    log: Values
    weight: Values
    start: NDArray[np.int64]

    @classmethod
    def of(cls, edges: Values) -> "_Nodes":
        """Place nodes below the first edge and between the others."""
        depth, share = np.polynomial.laguerre.laggauss(16)
        at, width = np.polynomial.legendre.leggauss(3)
        log_edge = np.log(edges)
        middle, half = (log_edge[1:] + log_edge[:-1]) / 2, np.diff(log_edge) / 2
        return cls(
            log=np.concatenate([log_edge[0] - depth, (middle[:, None] + half[:, None] * at).ravel()]),
            weight=np.concatenate([share * np.exp(depth), (half[:, None] * width).ravel()]),
            start=np.concatenate([[0], depth.size + at.size * np.arange(edges.size - 1)]),
        )


@dataclass(frozen=True)
class _Cells:
    """Counts of several matrices in cells, of which each matrix has a first and a last one.

    The first one reaches down to zero, and the last one up to the end of the nodes. Outside of the body they hold all
    that is known: that so many magnitudes lie there.
    """

    counts: Values
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    nodes: _Nodes
    censored: bool

    @classmethod
    def whole(cls, counts: Values) -> "_Cells":
        """Keep every cell up to the last one that holds a count."""
        matrices, cells = counts.shape
        first, last = np.zeros(matrices, np.int64), np.full(matrices, cells - 1)
        return cls(counts, first, last, _Nodes.of(EDGES[1 : cells + 1]), False)

    @classmethod
    def body(cls, counts: Values) -> "_Cells":
        """Keep the cells of each matrix's body and put all counts outside of it into one cell below and one above."""
        through = np.cumsum(counts, axis=1) / counts.sum(axis=1)[:, None]
        low, high = (np.minimum(1 + np.abs(through - quantile).argmin(axis=1), _FINE) for quantile in BODY)
        nodes = _Nodes.of(_BODY_EDGES)
        first, last = low - 1, high
        kept = np.zeros((counts.shape[0], nodes.start.size))
        for place, (begin, end) in enumerate(zip(low, high, strict=True)):
            kept[place, first[place]] = counts[place, :begin].sum()
            kept[place, first[place] + 1 : last[place]] = counts[place, begin:end]
            kept[place, last[place]] = counts[place, end:].sum()
        return cls(kept, first, last, nodes, True)

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "_Cells":
        """Return the cells of some of the matrices."""
        return replace(self, counts=self.counts[chosen], first=self.first[chosen], last=self.last[chosen])


def fit_families(counts: Values, kept: str = "whole") -> dict[str, FamilyFit]:
    """Fit every family to the counts of every matrix.

    Parameters
    ----------
    counts
        Counts of magnitudes in the cells between `EDGES`, ``(m, cells)``; they need not be whole numbers.
    kept
        One of `RANGES`.

    Returns
    -------
    dict
        Fits by name of the family, in the order of `FAMILIES`.

    Notes
    -----
    All families are fitted to the same cells, so their likelihoods are of the same observations: the probability of a
    cell is the integral of the density over it, whatever zeros and ties there are. Standard errors are those of the
    delta method on the counts, A^-1 B A^-1, where A is the curvature of the log likelihood and B the sum of squared
    scores. They remain valid if the weights follow no law of the family (White, Econometrica 50, 1982).

    The likelihood of the body is that of magnitudes that are censored at both ends: F(low)^a (1 - F(high))^b times the
    probabilities of the cells between, where a magnitudes lie below the body and b above. Its observations are not
    those of the whole range, so that likelihoods of the two ranges do not compare.
    """
    chunks = [_fit_chunk(counts[first : first + _CHUNK], kept) for first in range(0, counts.shape[0], _CHUNK)]
    return {
        family.name: FamilyFit(
            *(
                np.concatenate([getattr(chunk[family.name], field.name) for chunk in chunks])
                for field in fields(FamilyFit)
            )
        )
        for family in FAMILIES
    }


def _fit_chunk(counts: Values, kept: str) -> dict[str, FamilyFit]:
    occupied = int(np.flatnonzero(counts.any(axis=0))[-1]) + 1
    seen = np.ascontiguousarray(counts[:, :occupied])
    cells = _Cells.body(seen) if kept == "body" else _Cells.whole(seen)
    rough = _sketch(seen)
    half_normal = _fit_family(HALF_NORMAL, cells, rough)
    sketch = replace(rough, excess_kurtosis=_excess_kurtosis(half_normal, cells))
    found = {HALF_NORMAL.name: half_normal}
    for family in FAMILIES[1:]:
        inside = ~family.at_limit(sketch)
        fit = _fit_family(family, cells.only(inside), sketch.only(inside))
        found[family.name] = _with_limit(half_normal, fit, inside)
    return found


def _sketch(counts: Values) -> Sketch:
    log_middle = np.log((EDGES[1 : counts.shape[1] + 1] + EDGES[: counts.shape[1]]) / 2)
    share = counts / counts.sum(axis=1)[:, None]
    log_mean = share @ log_middle
    variance = np.maximum(share @ log_middle**2 - log_mean**2, 1e-4)  # if all are in one cell
    return Sketch(log_mean, np.sqrt(variance), np.zeros_like(log_mean))


def _excess_kurtosis(half_normal: FamilyFit, cells: _Cells) -> Values:
    """Return four times the slope per weight, at 0, of the log likelihood of Student's t over 1 / degrees.

    It has the sign of what decides on the limit in either range, and the size of the excess kurtosis in the whole one.
    """
    point = np.stack([np.log(half_normal.scale), np.zeros_like(half_normal.scale)], axis=1)
    slope = _sums_at(STUDENT_LIMIT, point, cells)[:, 2]
    return np.asarray(4 * slope / cells.counts.sum(axis=1))


def _with_limit(limit: FamilyFit, fit: FamilyFit, inside: NDArray[np.bool_]) -> FamilyFit:
    """Return the fits of a family where its likelihood has a maximum inside, and those of its limit elsewhere."""
    columns = []
    for field in fields(FamilyFit):
        column = getattr(limit, field.name).copy()
        column[inside] = getattr(fit, field.name)
        columns.append(column)
    return FamilyFit(*columns)


def _fit_family(family: Family, cells: _Cells, sketch: Sketch) -> FamilyFit:
    point = np.stack(family.guess(sketch), axis=1)
    sums = _sums_at(family, point, cells)
    fraction = np.ones(point.shape[0])
    for _ in range(_MOST_STEPS):
        step, gain = _newton_step(sums)
        moving = np.flatnonzero(gain > _SMALL_GAIN)
        if not moving.size:
            break
        longest = np.maximum(np.abs(step).max(axis=1), _LONGEST_STEP)
        step *= (fraction * _LONGEST_STEP / longest)[:, None]
        trial = _sums_at(family, (point + step)[moving], cells.only(moving))
        # Near the maximum, of about 1e8, the rounding error of the sum may exceed the gain of a step.
        better = trial[:, 0] >= sums[moving, 0] * (1 + 1e-14)
        better &= np.abs((point + step)[moving]).max(axis=1) < _FARTHEST
        fraction[moving] = np.where(better, np.minimum(2 * fraction[moving], 1), fraction[moving] / 4)
        point[moving[better]] += step[moving[better]]
        sums[moving[better]] = trial[better]
    return _result(family, cells, point, sums)


def _newton_step(sums: Values) -> tuple[Values, Values]:
    """Return the step, always uphill, to the maximum of the local parabola, and the gain that it predicts."""
    curvature, direction = np.linalg.eigh(-sums[:, _HESSIAN])
    along = np.einsum("mij,mi->mj", direction, sums[:, 1:3])
    step = along / np.maximum(np.abs(curvature), 1e-12 * np.abs(sums[:, :1]) + 1e-300)
    return np.einsum("mij,mj->mi", direction, step), (along * step).sum(axis=1) / 2


def _result(family: Family, cells: _Cells, point: Values, sums: Values) -> FamilyFit:
    counts, nodes = cells.counts, cells.nodes
    second = family.parameters == 2
    free = slice(0, family.parameters)
    bread = np.linalg.pinv(sums[:, _HESSIAN][:, free, free], hermitian=True)
    errors = np.sqrt(np.diagonal(bread @ sums[:, _SCORES][:, free, free] @ bread, axis1=1, axis2=2))
    density = np.exp(_terms_at(family, point, nodes)[0])
    law = np.cumsum(np.add.reduceat(density * nodes.weight, nodes.start, axis=1), axis=1)
    empirical = np.cumsum(counts, axis=1) / counts.sum(axis=1)[:, None]
    distance = np.abs(law - empirical)
    if cells.censored:
        place = np.arange(counts.shape[1])
        distance[(place < cells.first[:, None]) | (place >= cells.last[:, None])] = 0
    none = np.full(point.shape[0], np.nan)
    scale, shape = np.exp(point.T)
    return FamilyFit(
        scale=scale,
        scale_se=scale * errors[:, 0],
        shape=shape if second else none,
        shape_se=shape * errors[:, 1] if second else none,
        log_likelihood=sums[:, 0],
        ks_distance=distance.max(axis=1),
        converged=_newton_step(sums)[1] <= _SMALL_GAIN,
    )


def _terms_at(family: Family, point: Values, nodes: _Nodes) -> Values:
    """Return h and its derivatives at every node, ``(6, m, nodes)``."""
    terms = np.empty((6, point.shape[0], nodes.log.size))
    for row, term in zip(terms, family.terms(nodes.log - point[:, :1], point[:, 1:]), strict=True):
        row[:] = term
    return terms


def _sums_at(family: Family, point: Values, cells: _Cells) -> Values:
    nodes = cells.nodes
    terms = _terms_at(family, point, nodes)
    return _sums(terms, nodes.weight, nodes.start, cells.counts, cells.first, cells.last)


_HESSIAN = np.array([[3, 4], [4, 5]])
_SCORES = np.array([[6, 7], [7, 8]])


@compiled
def _sums(
    terms: Values,
    weight: Values,
    start: NDArray[np.int64],
    counts: Values,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> Values:
    """Sum log likelihood (0), gradient (1, 2), Hessian (3-5) and squared scores (6-8) over the cells.

    The parameters are the log of the scale, on which densities depend through -t, and the log of the second parameter.
    """
    out = np.zeros((counts.shape[0], 9))
    for m in range(counts.shape[0]):
        for cell in range(first[m], last[m] + 1):
            count = counts[m, cell]
            if count == 0:
                continue
            begin = 0 if cell == first[m] else start[cell]
            end = weight.size if cell == last[m] else start[cell + 1]
            top = terms[0, m, begin]
            for node in range(begin + 1, end):
                top = max(top, terms[0, m, node])
            total = t = a = tt = ta = aa = 0.0
            for node in range(begin, end):
                density = weight[node] * np.exp(terms[0, m, node] - top)
                by_t, by_a = terms[1, m, node], terms[3, m, node]
                total += density
                t += density * by_t
                a += density * by_a
                tt += density * (terms[2, m, node] + by_t * by_t)
                ta += density * (terms[4, m, node] + by_t * by_a)
                aa += density * (terms[5, m, node] + by_a * by_a)
            t, a = t / total, a / total
            out[m, 0] += count * (top + np.log(total))
            out[m, 1] -= count * t
            out[m, 2] += count * a
            out[m, 3] += count * (tt / total - t * t)
            out[m, 4] -= count * (ta / total - t * a)
            out[m, 5] += count * (aa / total - a * a)
            out[m, 6] += count * t * t
            out[m, 7] -= count * t * a
            out[m, 8] += count * a * a
    return out
