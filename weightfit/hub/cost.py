"""Says what a cohort costs before it is run: the files and bytes of each entry from the Hub, and the peak on disk.

It sends no request. If the cohort is pinned, sizes are exact; otherwise `paper/checkpoints.tsv` gives estimates.
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
        Id of the entry in the cohort.
    revisions, files
        Numbers of revisions and files; the number of files is None if it is not known.
    sizes
        Bytes of each file; without pins, all files of a revision count as one. Empty if the sizes are unknown.
    basis
        How the sizes are known: ``pinned``, ``estimated`` or ``unknown``.
    note
        What stands in the way of fetching the entry; empty if no obstacle is known.
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
        Source of each entry, by its id.
    papers
        Id of the paper's entry for each id of an entry, or None if the paper has none.
    pins
        Pins of the cohort, or None if there are none.
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
    """Describe the costs of a cohort in lines of text.

    Parameters
    ----------
    found
        Costs of all entries.
    cores
        Number of cores of the run, which is also the largest number of files on disk at once.
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
    """Run as a command; see ``python -m weightfit.hub.cost --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.hub.cost", description=__doc__)
    parser.add_argument(
        "--chosen", required=True, help="the cohort as given on the command line, such as cohort=paper"
    )
    parser.add_argument(
        "--sources", type=json.loads, required=True, help="settings of the cohort's Hub entries, as JSON"
    )
    parser.add_argument(
        "--papers", type=json.loads, required=True, help="the paper's entry for each entry, as JSON"
    )
    parser.add_argument("--pins", type=Path, required=True, help="the pin file, which need not exist")
    parser.add_argument("--cores", type=int, required=True, help="number of cores of the run")
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
