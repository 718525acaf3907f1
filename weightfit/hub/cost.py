"""Says what a cohort costs before it is run: files and bytes of each entry from the Hub, and the most on disk.

It asks nobody: what is pinned is known to the byte, the rest is taken from `paper/checkpoints.tsv` as an estimate.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weightfit.errors import WeightfitError
from weightfit.hub.pin_file import Pins, endpoint, foreign, read_pins
from weightfit.hub.repository import HubSource
from weightfit.paper import checkpoints


@dataclass(frozen=True)
class Cost:
    """What one entry costs.

    Attributes
    ----------
    entry
        Id in the cohort.
    revisions, files
        How many; of files None if they are not known.
    sizes
        Bytes of each file; of what is not pinned, all files of a revision count as one. Empty if unknown.
    basis
        ``pinned``, ``estimated`` or ``unknown``.
    note
        What stands in the way of it; empty if nothing is known to.
    """

    entry: str
    revisions: int
    files: int | None
    sizes: tuple[int, ...]
    basis: str
    note: str


def costs(
    sources: Mapping[str, HubSource], papers: Mapping[str, str | None], pins: Pins | None
) -> Iterator[Cost]:
    """Yield what each entry costs.

    Parameters
    ----------
    sources
        By id of the entry.
    papers
        Id of the entry to that of the paper's.
    pins
        None if there are none.
    """
    for entry, source in sources.items():
        yield _pinned(entry, pins) if pins is not None else _estimated(entry, source, papers[entry])


def _pinned(entry: str, pins: Pins) -> Cost:
    sizes = tuple(file.bytes for revision in pins[entry] for file in revision.files)
    notes = [f"{each.reason}: {each.remedy}" for each in pins[entry] if not each.available]
    return Cost(
        entry,
        len(pins[entry]),
        len(sizes),
        sizes,
        "pinned",
        "; ".join(dict.fromkeys(notes)),
    )


def _estimated(entry: str, source: HubSource, paper_entry: str | None) -> Cost:
    rows = [row for row in checkpoints.read() if row.entry == paper_entry]
    known = {row.revision: row for row in rows}
    found = [known[revision] for revision in source.revisions if revision in known]
    if len(found) < len(source.revisions):
        return Cost(entry, len(source.revisions), None, (), "unknown", "not in paper/checkpoints.tsv")
    sizes = tuple(row.bytes for row in found)
    gated = "access must be granted" if any("granted" in (row.note or "") for row in found) else ""
    return Cost(entry, len(sizes), None, sizes, "estimated", gated)


def described(found: Sequence[Cost], cores: int) -> list[str]:
    """Return the lines that a person reads.

    Parameters
    ----------
    found
        Of all entries.
    cores
        Of the run: so many files are on disk at the most.
    """
    lines = [f"{'entry':24}{'revisions':>10}{'files':>7}{'GB':>10}{'largest GB':>12}  basis"]
    for cost in found:
        known = cost.basis != "unknown"
        total = f"{sum(cost.sizes) / 1e9:.3f}" if known else "?"
        largest = f"{max(cost.sizes, default=0) / 1e9:.3f}" if known else "?"
        lines.append(
            f"{cost.entry:24}{cost.revisions:>10}{_count(cost.files):>7}{total:>10}{largest:>12}  {cost.basis}"
            f"{': ' + cost.note if cost.note else ''}"
        )
    sizes = sorted((size for cost in found for size in cost.sizes), reverse=True)
    unknown = sum(cost.basis == "unknown" for cost in found)
    besides = f", and {unknown} of unknown size" if unknown else ""
    lines.append(f"{len(found)} entries from the Hub, {sum(sizes) / 1e9:.2f} GB to fetch{besides}")
    peak = sum(sizes[:cores]) / 1e9
    lines.append(
        f"on disk at once with {cores} cores: at most {cores} files, {peak:.2f} GB; none of them stays"
    )
    return lines


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def main(arguments: Sequence[str]) -> None:
    """Run as a command, see ``python -m weightfit.hub.cost --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.hub.cost", description=__doc__)
    parser.add_argument(
        "--chosen", required=True, help="what is said on the command line, such as cohort=paper"
    )
    parser.add_argument(
        "--sources", type=json.loads, required=True, help="settings of its Hub entries, as JSON"
    )
    parser.add_argument(
        "--papers", type=json.loads, required=True, help="entry to the paper's entry, as JSON"
    )
    parser.add_argument("--pins", type=Path, required=True, help="the file of pins, if it is there")
    parser.add_argument("--cores", type=int, required=True, help="of the run")
    options = parser.parse_args(arguments)
    sources = {entry: HubSource.of(settings) for entry, settings in options.sources.items()}
    pins: Pins | None = None
    if options.pins.is_file():
        try:
            pins = read_pins(options.pins, options.chosen, sources)
        except WeightfitError as error:
            print(f"note: {error}")
    lines = described(list(costs(sources, options.papers, pins)), options.cores)
    lines += foreign(endpoint(options.pins)) if pins is not None else []
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
