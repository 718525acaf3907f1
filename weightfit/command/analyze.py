"""`weightfit analyze`: measure a model and tell what stands out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from weightfit.command.output import ended, written
from weightfit.command.progress import shown
from weightfit.weights.families import STACKS

HELP = """Count and fit every weight matrix of SOURCE, and tell which stand out.

SOURCE is a weight file (safetensors, GGUF, PyTorch, CTranslate2), a folder with all files of one checkpoint and its
config.json, or a repository on the Hub, ORG/NAME or ORG/NAME@REVISION. Nothing in it is executed.

Exit status: 0 if every matrix was measured, 1 if the model is refused, 3 if it was measured in part.
"""


@click.command("analyze", help=HELP)
@click.argument("source")
@click.option("--architecture", type=click.Path(path_type=Path), help="File that declares the tensor names.")
@click.option("--stack", type=click.Choice(STACKS), help="Which stack of a model with two, such as Whisper.")
@click.option(
    "--protocol",
    type=click.Choice(["centred", "uncentred", "released"]),
    default="centred",
    show_default=True,
    help="Whether the mean is subtracted first; released is npm-weibull-py's estimator.",
)
@click.option(
    "--trim",
    type=click.Choice(["0.8", "0.9", "1.0"]),
    default="0.8",
    show_default=True,
    help="Fraction of the probability plot that is kept.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print every matrix as CSV, with all columns and digits.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the page of the model to this file.")
@click.option(
    "--around",
    type=click.Path(path_type=Path),
    help="Folder with the results of a cohort, whose models the page shows too.",
)
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for what is kept of a model from the Hub."
)
def analyze(
    source: str,
    architecture: Path | None,
    stack: str | None,
    protocol: str,
    trim: str,
    as_csv: bool,
    as_json: bool,
    page: Path | None,
    around: Path | None,
    cache: Path | None,
) -> None:
    """Run the command."""
    if as_csv and as_json:
        raise click.UsageError("--csv and --json both print to the terminal; choose one")
    if around is not None and page is None:
        raise click.UsageError("--around is for a page; give --page too")
    with ended(source), shown("analyze"):
        from weightfit.analysis.analysis import analyze as analysed

        found = analysed(
            source,
            architecture=architecture,
            stack=stack,
            protocol=protocol,
            trim=float(trim),
            cache=cache,
            claims=page is not None,
        )
        from weightfit.analysis import document, text

        if page is not None:
            found.page(page, around)
    if as_csv:
        print(document.to_csv(found), end="")
    elif as_json:
        print(document.to_json(found), end="")
    else:
        print("\n".join(text.lines(found)))
    if as_csv or as_json:
        print(found.headline, file=sys.stderr)
        print("\n".join(text.coverage(found)), file=sys.stderr)
    if page is not None:
        written("page", page)
    sys.exit(0 if found.is_whole else 3)
