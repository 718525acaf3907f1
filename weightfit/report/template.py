"""Fill the templates of pages."""

from pathlib import Path

import jinja2


def environment(folder: Path) -> jinja2.Environment:
    """Return the Jinja environment of a folder; values are escaped, and a name without a value is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
