"""Write `paper/predictions.tsv` anew: ``python -m weightfit.audit.predictions --database FOLDER``."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from weightfit.audit.predictions.foresight import predictions
from weightfit.documents import data, whole_file
from weightfit.paper import Prediction
from weightfit.paper.predictions import FILE


def text(rows: Iterable[Prediction]) -> str:
    """Return predictions as the text of the table."""
    lines = [[field.name for field in fields(Prediction)], *(map(_cell, astuple(row)) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def main(arguments: Sequence[str]) -> None:
    """Run as a command; see ``python -m weightfit.audit.predictions --help``."""
    parser = argparse.ArgumentParser(prog="python -m weightfit.audit.predictions", description=__doc__)
    parser.add_argument(
        "--database", type=Path, required=True, help="folder of the released database's tables"
    )
    with whole_file(data(FILE)) as unfinished:
        unfinished.write_text(text(predictions(parser.parse_args(arguments).database)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
