"""Link the weight files of a folder that the user names, and write their manifest."""

from pathlib import Path

from weightfit.link import link
from weightfit.source import write_manifest
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        files, settings = link(Path(snakemake.params.folder), Path(snakemake.output.weights))
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source=snakemake.rule,
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
        )
