"""The command `weightfit`: measure a model, compare two, and trace a printed number of the paper."""

import signal
from collections.abc import Sequence
from importlib import import_module

import click

WORDS = {
    "analyze": "Count and fit every weight matrix of a model, and tell which stand out.",
    "compare": "Tell what changed between two models, or between two runs of the workflow.",
    "trace": "Print the chain behind a number that the paper prints.",
}


class Words(click.Group):
    """The words of the command; a first word that is none of them is what `analyze` measures."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return every word."""
        return list(WORDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Import the module of a word."""
        if name not in WORDS:
            return None
        # An import statement for each word would import them all.
        found: click.Command = getattr(import_module(f"weightfit.command.{name}"), name)
        return found

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take `weightfit PATH` for `weightfit analyze PATH`."""
        if args[0] not in WORDS:
            args = ["analyze", *args]
        return super().resolve_command(context, args)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the words without importing their modules."""
        with formatter.section("Words"):
            formatter.write_dl(list(WORDS.items()))


@click.group(cls=Words, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="weightfit")
def main() -> None:
    """Exact histograms and Weibull fits of transformer weights.

    `weightfit PATH` is short for `weightfit analyze PATH`.
    """


def command(arguments: Sequence[str] | None = None) -> None:
    """Run the command; see ``weightfit --help``."""
    if hasattr(signal, "SIGPIPE"):
        # A reader that stops early, such as head, ends this quietly.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    main(list(arguments) if arguments is not None else None, prog_name="weightfit")


if __name__ == "__main__":
    command()
