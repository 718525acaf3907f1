"""Fit every matrix and pool of one entry."""

from pathlib import Path

from weightfit import table
from weightfit.fits.fit import fit_part
from weightfit.fits.units import Protocol
from weightfit.provenance import provenance
from weightfit.task import logged


def protocols(settings: list[dict[str, object]]) -> list[Protocol]:
    """Return the protocols that the configuration lists."""
    return [Protocol(**setting | {"trims": tuple(setting["trims"])}) for setting in settings]


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        source = Path(snakemake.input.histograms[0])
        tables = fit_part(source, protocols(snakemake.params.fits), snakemake.params.exclude)
        made = provenance("fit", "scripts/fit.py", {f"histograms/{source.name}": source})
        made["excluded"] = snakemake.params.exclude
        for name, rows in zip(("fits", "moments"), tables, strict=True):
            table.write(Path(snakemake.output[name]), name, rows, made)
        print(f"{source.stem}: {tables[0].num_rows} fits of {tables[1].num_rows} matrices and pools")
