"""Gather the histograms and manifests of a run, with their digests."""

from pathlib import Path

from weightfit.archive import write
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        folder = Path(snakemake.output[0])
        write(folder.parent, snakemake.params.parts, folder)
