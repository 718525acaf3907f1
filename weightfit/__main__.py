"""Fit every matrix and pool of a checkpoint that is on this machine, without a workflow."""

import argparse
import csv
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weightfit.errors import DegenerateHistogram, NonFiniteWeight, WeightfitError
from weightfit.weights.families import STACKS

# Numerical modules are imported where they are used, so that --help and a wrong option are answered at once.
if TYPE_CHECKING:
    from weightfit.counts.histogram import Histogram
    from weightfit.fits.units import Protocol
    from weightfit.weights.header import Header
    from weightfit.weights.plan import Plan

COLUMNS = {
    "n": "d",
    "shape": ".5f",
    "shape_se": ".5f",
    "shape_null": ".5f",
    "scale": ".6g",
    "scale_se": ".2g",
    "r_squared": ".6f",
    "ks_distance": ".5f",
}
"""Statistics of the plain-text table, with their formats; the CSV has all statistics with all digits."""


def find(source: Path) -> tuple[list[Path], list[str]]:
    """Return the weight files at a path, and the names of other files there that have the ending of a weight file."""
    from weightfit.weights.index import left_out, weight_files

    if source.is_file():
        return [source], []
    if not source.is_dir():
        raise FileNotFoundError(2, "there is no such file or folder: correct the path", str(source))
    paths = weight_files(source)
    return paths, left_out(source, paths)


def count(headers: Sequence["Header"], layout: "Plan") -> Iterator[tuple[int, dict[str, "Histogram"]]]:
    """Yield each block with its histograms by component, as soon as the last of them is counted.

    Parameters
    ----------
    headers
        Headers of all files of the checkpoint.
    layout
        Plan of the checkpoint from `weightfit.weights.plan.plan`, which ensures that each block is complete.
    """
    from weightfit.counts.scan import Scan
    from weightfit.weights.families import components

    names = components(layout.family)
    begun: dict[int, dict[str, Histogram]] = {}
    for header in headers:
        for block, component, histogram in Scan(header, layout, digest=False):
            if isinstance(histogram, NonFiniteWeight):
                raise histogram
            begun.setdefault(block, {})[component] = histogram
            if len(begun[block]) == len(names):
                yield block, begun.pop(block)


def fit_all(
    blocks: Iterator[tuple[int, Mapping[str, "Histogram"]]], protocol: "Protocol"
) -> tuple[list[dict[str, object]], list[str]]:
    """Fit every matrix and pool; return the sorted rows, and a message for each that cannot be fitted."""
    from weightfit.components import COMPONENTS, POOLED, POOLS
    from weightfit.fits.units import fits_of_unit, units_of_step

    order = [*COMPONENTS, *POOLS]
    rows: dict[tuple[bool, int, int], dict[str, object]] = {}
    refusals: list[str] = []
    for unit in units_of_step(None, blocks, {}, at_an_end=True):
        key = (unit.block == POOLED, unit.block, order.index(unit.component))
        what = {"block": unit.block, "component": unit.component, "exactness": unit.histogram.exactness}
        try:
            for row in fits_of_unit(unit, [protocol]):
                rows[key] = what | row
        except DegenerateHistogram as refusal:
            refusals.append(str(refusal))
    return [rows[key] for key in sorted(rows)], refusals


def describe(layout: "Plan", protocol: "Protocol", unread: Sequence[str]) -> list[str]:
    """Return one line each on the family of the checkpoint, the fit, and what is left out."""
    tensors = Counter(layout.left_out.values())
    left_out = [f"{number} {reason}" for reason, number in sorted(tensors.items())]
    left_out += [f"file {name}" for name in unread]
    return [
        f"family: {layout.family}",
        f"fit: {protocol.protocol}, trim {protocol.trims[0]:g}",
        f"left out: {', '.join(left_out) or 'nothing'}",
    ]


def align(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return rows as a plain-text table, in which block -1 is printed as ``pooled``."""
    from weightfit.components import POOLED

    cells = [["block", "component", *COLUMNS]]
    for row in rows:
        block = "pooled" if row["block"] == POOLED else str(row["block"])
        cells.append([block, str(row["component"]), *(format(row[name], COLUMNS[name]) for name in COLUMNS)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == 1 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def fit_checkpoint(source: Path, protocol_name: str, trim: float, as_csv: bool, stack: str | None) -> int:
    """Print the fits of a checkpoint; return the number of matrices and pools that cannot be fitted."""
    from weightfit.fits.units import Protocol
    from weightfit.weights.formats import read_header
    from weightfit.weights.plan import plan, read_config

    paths, unread = find(source)
    headers = [read_header(path) for path in paths]
    layout = plan(headers, read_config(paths[0].parent), stack=stack)
    protocol = Protocol(protocol_name, "both", (trim,), pools=True, steps="all")
    rows, refusals = fit_all(count(headers, layout), protocol)
    print("\n".join(describe(layout, protocol, unread)), file=sys.stderr if as_csv else sys.stdout)
    if as_csv and rows:
        table = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    elif not as_csv:
        print("\n".join(align(rows)))
    sys.stdout.flush()
    for refusal in refusals:
        print(refusal, file=sys.stderr)
    return len(refusals)


def main(arguments: Sequence[str]) -> None:
    """Run the command; see ``python -m weightfit --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit", description=__doc__)
    parser.add_argument(
        "source",
        type=Path,
        metavar="FOLDER_OR_FILE",
        help="a folder with all weight files of one checkpoint, or one such file; config.json in that folder is read",
    )
    parser.add_argument(
        "--protocol",
        choices=["centred", "uncentred", "released"],
        default="centred",
        help="whether the mean is subtracted first; released is npm-weibull-py's estimator (default: centred)",
    )
    parser.add_argument(
        "--trim",
        type=float,
        choices=[0.80, 0.90, 1.00],
        default=0.80,
        help="fraction of the probability plot that is kept (default: 0.80)",
    )
    parser.add_argument(
        "--stack",
        choices=STACKS,
        help="which stack of a model that has two, such as Whisper, is fitted",
    )
    parser.add_argument("--csv", action="store_true", help="print CSV with all columns and digits instead")
    options = parser.parse_args(arguments)
    try:
        refused = fit_checkpoint(options.source, options.protocol, options.trim, options.csv, options.stack)
    except WeightfitError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename or options.source}: {error.strerror or error}")
    if refused:
        sys.exit(
            f"{options.source}: {refused} matrices or pools cannot be fitted and are named above; "
            "pools still include their weights, but the nulls of pools leave constant matrices out"
        )


def command() -> None:
    """Run the command on the arguments of this process, as the console script ``weightfit`` does."""
    if hasattr(signal, "SIGPIPE"):
        # A reader that stops early, such as head, ends this quietly.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main(sys.argv[1:])


if __name__ == "__main__":
    command()
