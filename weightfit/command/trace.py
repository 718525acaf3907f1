"""`weightfit trace`: the chain behind a printed number, as `python -m weightfit.trace` prints it."""

import click

from weightfit.command.output import ended


@click.command("trace", add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def trace(arguments: tuple[str, ...]) -> None:
    """Run the command."""
    with ended("trace"):
        from weightfit.trace import main

        main(arguments)
