"""`weightfit compare`: what changed between two models, or between two runs of the workflow."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from weightfit.command.output import ended, written
from weightfit.command.progress import shown
from weightfit.weights.families import STACKS

HELP = """Tell what changed from A to B.

A and B are two models as `weightfit analyze` takes them, such as a base and its fine-tune, a full and a quantised
model, two steps or two seeds; or the results of two runs of the workflow, such as those of one cohort in two checkouts.

Exit status: 0 if the two were compared whole, 1 if one is refused, 3 if matrices have no partner.
"""


@click.command("compare", help=HELP)
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@click.option("--architecture", type=click.Path(path_type=Path), help="File that declares the tensor names.")
@click.option("--stack", type=click.Choice(STACKS), help="Which stack of models with two, such as Whisper.")
@click.option("--csv", "in_csv", is_flag=True, help="Print every matrix or difference as CSV.")
@click.option("--json", "in_json", is_flag=True, help="Print everything as JSON.")
@click.option("--page", type=click.Path(path_type=Path), help="Write the page of two models to this file.")
@click.option(
    "--cache", type=click.Path(path_type=Path), help="Folder for what is kept of models from the Hub."
)
def compare(
    one: str,
    other: str,
    architecture: Path | None,
    stack: str | None,
    in_csv: bool,
    in_json: bool,
    page: Path | None,
    cache: Path | None,
) -> None:
    """Run the command."""
    if in_csv and in_json:
        raise click.UsageError("--csv and --json both print to the terminal; choose one")
    with ended(f"{one}, {other}"), shown("compare"):
        from weightfit.analysis import compare_document, runs
        from weightfit.analysis.document import as_csv, as_json

        if runs.is_run(Path(one)) or runs.is_run(Path(other)):
            if page is not None:
                raise click.UsageError("--page shows two models; two runs have pages of their own")
            told = runs.compare_runs(Path(one), Path(other))
            text = runs.lines(told)
            document, rows, whole = compare_document.of_runs(told), compare_document.run_rows(told), True
        else:
            from weightfit.analysis.compare import compare as compared
            from weightfit.analysis.comparison import lines

            found = compared(one, other, architecture=architecture, stack=stack, cache=cache)
            text = lines(found)
            document, rows = compare_document.of_models(found), compare_document.model_rows(found)
            whole = not found.unmatched
            if page is not None:
                found.page(page)
        if in_csv:
            print(as_csv(*rows), end="")
        elif in_json:
            print(as_json(document), end="")
        else:
            print("\n".join(text))
    if page is not None:
        written("page", page)
    sys.exit(0 if whole else 3)
