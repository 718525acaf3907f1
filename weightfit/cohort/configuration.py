"""The configuration of a run: the choices that it makes, and those of this project for all others."""

from collections.abc import Mapping
from typing import Any

from weightfit.documents import data


def completed(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the choices of `config.yaml` of this project where it makes none.

    Parameters
    ----------
    chosen
        Choices of the working directory, of the command line, or of a workflow that imports this one.
    """
    import yaml

    return {**yaml.safe_load(data("config.yaml").read_text(encoding="utf-8")), **chosen}
