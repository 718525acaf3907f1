"""Link the weight files of a folder that the user names, and write their manifest."""

from pathlib import Path

from weightfit.task import logged
from weightfit.weights.link import link, told_folder
from weightfit.weights.manifest import write_manifest

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        print(told_folder(Path(snakemake.params.folder)))
        files, settings = link(Path(snakemake.params.folder), Path(snakemake.output.weights))
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source=snakemake.rule,
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
        )
