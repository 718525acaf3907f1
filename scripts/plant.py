"""Draw matrices from known laws, and write their manifest."""

from pathlib import Path

from weightfit.task import logged
from weightfit.weights.manifest import write_manifest
from weightfit.weights.plant import Planted, plant

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        files, settings = plant(
            Path(snakemake.output.weights),
            matrices=[Planted(**matrix) for matrix in snakemake.params.matrices],
            width=snakemake.params.width,
            heads=snakemake.params.heads,
            key_value_heads=snakemake.params.key_value_heads,
            hidden=snakemake.params.hidden,
            seed=snakemake.params.seed,
            dtype=snakemake.params.dtype,
        )
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source="plant",
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
        )
