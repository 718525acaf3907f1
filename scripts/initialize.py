"""Draw a Pythia model at initialization, and write ``step0.safetensors``, ``config.json`` and the manifest."""

from pathlib import Path

from weightfit.task import logged
from weightfit.weights.initialize import initialize
from weightfit.weights.manifest import write_manifest

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        files, settings = initialize(
            Path(snakemake.output.weights),
            layers=snakemake.params.layers,
            width=snakemake.params.width,
            heads=snakemake.params.heads,
            hidden=snakemake.params.hidden,
            recipe=snakemake.params.initialization,
            seed=snakemake.params.seed,
            dtype=snakemake.params.dtype,
            blocks=snakemake.params.blocks,
        )
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source="initialize",
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
        )
