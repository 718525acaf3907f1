"""What is fitted, matrices and pools, and under which protocols; every fit with its null and its standard error."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from weightfit.components import PARTS, POOLED, POOLS
from weightfit.counts.histogram import Histogram, Pool
from weightfit.fits.moments import Moments, moments
from weightfit.fits.null import GaussianMixture, NullFit, null_fits, null_moments, released_null
from weightfit.fits.probability_plot import Fit, Magnitudes, Sign, fit, magnitudes
from weightfit.fits.released import binned, released_fit


@dataclass(frozen=True)
class Protocol:
    """One way of fitting, from ``fits`` in config.yaml.

    Attributes
    ----------
    protocol
        ``centred``, ``uncentred`` or ``released``.
    sign
        Sign of the weights that are fitted: ``both``, ``positive`` or ``negative``.
    trims
        Kept fractions of the plot.
    pools
        Whether pools are fitted as well as single matrices.
    steps
        ``all`` for every step of an entry, ``ends`` for its first and last step only.
    """

    protocol: str
    sign: Sign
    trims: tuple[float, ...]
    pools: bool
    steps: str

    def applies(self, unit: "Unit") -> bool:
        """Tell whether a unit is fitted under this protocol."""
        return (self.pools or not unit.is_pool) and (self.steps == "all" or unit.at_an_end)


@dataclass(frozen=True)
class Unit:
    """One matrix, or a pool of several, at one step."""

    step: int | None
    block: int
    component: str
    histogram: Histogram
    law: GaussianMixture
    excluded: int
    at_an_end: bool

    @property
    def is_pool(self) -> bool:
        """Whether the unit is a pool of several matrices."""
        return self.block == POOLED or self.component in POOLS

    @cached_property
    def uncentred(self) -> Magnitudes:
        """The magnitudes of the weights as stored."""
        return magnitudes(self.histogram)

    @property
    def name(self) -> str:
        """Name of the unit in error messages."""
        step = "" if self.step is None else f"step {self.step}, "
        return f"{step}block {self.block}, {self.component}"


def units_of_step(
    step: int | None,
    blocks: Iterable[tuple[int, Mapping[str, Histogram]]],
    excluded: Mapping[str, str],
    at_an_end: bool,
) -> Iterator[Unit]:
    """Yield every matrix, every pool within a block and every pool over blocks of one step.

    Parameters
    ----------
    step
        The training step, or None where none is published.
    blocks
        The number of each block and its histograms by component, in any order.
    excluded
        Matrices (``block.component``) that are missing from ``blocks``, with the reason.
    at_an_end
        Whether the step is the first or the last of its entry.

    Yields
    ------
    Unit
        A matrix or pool, as soon as its matrices have been read: block by block, then the pools over blocks.
    """
    left_out = Counter(name.split(".")[1] for name in excluded)
    whole: dict[str, Pool] = {}
    for block, found in blocks:
        own: dict[str, Pool] = {}
        for component, histogram in found.items():
            own[component] = Pool()
            own[component].add(histogram)
            whole.setdefault(component, Pool()).add(histogram)
            yield unit_of(step, block, component, own[component], 0, at_an_end)
        here = Counter(name.split(".")[1] for name in excluded if name.startswith(f"{block}."))
        yield from _pools(step, block, own, here, at_an_end)
    for component, members in whole.items():
        yield unit_of(step, POOLED, component, members, left_out[component], at_an_end)
    yield from _pools(step, POOLED, whole, left_out, at_an_end)


def _pools(
    step: int | None, block: int, pools: dict[str, Pool], left_out: Mapping[str, int], at_an_end: bool
) -> Iterator[Unit]:
    """Yield the pools of several components, made of the pools of each component, which are given."""
    components = frozenset(pools)
    for name, parts in PARTS.items():
        present = [pools[part] for part in parts if part in pools]
        if present:
            pools[name] = present[0] if len(present) == 1 else Pool(present)
        if len(components.intersection(POOLS[name])) > 1:
            missing = sum(left_out[component] for component in POOLS[name])
            yield unit_of(step, block, name, pools[name], missing, at_an_end)


def unit_of(
    step: int | None, block: int, component: str, members: Pool, excluded: int, at_an_end: bool
) -> Unit:
    """Return the unit of all members of a pool, which may be one matrix; see `Unit`."""
    # ASSUME pool-centre: a pool is centred by its own mean, not matrix by matrix.
    law = GaussianMixture.of(*zip(*members.deviations, strict=True))
    return Unit(step, block, component, members.histogram(), law, excluded, at_an_end)


def fits_of_unit(unit: Unit, protocols: Sequence[Protocol]) -> Iterator[dict[str, object]]:
    """Yield each fit with its null, as columns of ``fits``: one row per trim of every protocol that applies."""
    for protocol in protocols:
        if not protocol.applies(unit):
            continue
        if protocol.protocol == "released":
            counts = binned(unit.histogram)
            found = [released_fit(counts, trim, unit.name) for trim in protocol.trims]
            nulls = [released_null(unit.law, unit.histogram.n, trim) for trim in protocol.trims]
        else:
            found = fit(_sample(unit, protocol), protocol.trims, unit.name)
            # Half of all Gaussian weights are positive, so the null of one sign is that of half the number.
            n = unit.histogram.n if protocol.sign == "both" else unit.histogram.n // 2
            nulls = null_fits(unit.law, n, protocol.trims)
        for trim, one, null in zip(protocol.trims, found, nulls, strict=True):
            yield _row(one, null) | {"protocol": protocol.protocol, "trim": trim, "sign": protocol.sign}


def _sample(unit: Unit, protocol: Protocol) -> Magnitudes:
    if protocol.protocol == "centred":
        return magnitudes(unit.histogram, unit.histogram.mean, protocol.sign)
    return unit.uncentred if protocol.sign == "both" else magnitudes(unit.histogram, 0.0, protocol.sign)


def _row(one: Fit, null: NullFit) -> dict[str, object]:
    return vars(one) | {f"{name}_null": value for name, value in vars(null).items()}


def moments_of_unit(unit: Unit) -> dict[str, object]:
    """Return the moments of a unit with their errors and nulls, as columns of ``moments``."""
    values, errors = moments(unit.histogram, unit.name, unit.uncentred)
    null = null_moments(unit.law, unit.histogram.n)
    row: dict[str, object] = {"n": unit.histogram.n}
    for field in fields(Moments):
        row[field.name] = getattr(values, field.name)
        row[f"{field.name}_se"] = getattr(errors, field.name)
        row[f"{field.name}_null"] = getattr(null, field.name)
    return row
