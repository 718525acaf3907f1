"""The version of this package: pyproject.toml reads it here, and CITATION.cff repeats it."""

__version__ = "0.1.0"
