"""Count one part of a cohort, all weight files of a small entry, into one table of histograms."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from weightfit.counts.part import count_part
from weightfit.errors import CohortError
from weightfit.task import logged
from weightfit.weights.declared import names_and_stack


def main(arguments: Sequence[str]) -> None:
    """Run the command; see ``python -m weightfit.part --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.part", description=__doc__)
    for name in ("manifest", "folder", "output", "log"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument(
        "--architecture", type=json.loads, help="the declared names of the tensors, or the stack, as JSON"
    )
    options = parser.parse_args(arguments)
    with logged(options.log):
        manifest = json.loads(options.manifest.read_text(encoding="utf-8"))
        if not manifest["files"] and manifest.get("available", True):
            raise CohortError(f"{options.manifest.name}: no weight file is listed; run its source rule again")
        names, stack = names_and_stack(options.architecture)
        count_part(manifest, options.folder, options.output, names, stack)


if __name__ == "__main__":
    main(sys.argv[1:])
