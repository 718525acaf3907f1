"""Train one stand-in from scratch, keep its weights at chosen steps, and write their manifest."""

from pathlib import Path

from weightfit.lab import corpus
from weightfit.lab.settings import Training, run_settings
from weightfit.lab.training import train
from weightfit.source import whole_folder, write_manifest
from weightfit.task import logged



def last_step(folder: Path) -> Path:
    """Return the weight file of the last step that a run kept."""
    return max(folder.glob("step*.safetensors"), key=lambda path: int(path.stem.removeprefix("step")))


if __name__ == "__main__":
    with logged(snakemake.log[0]):
        run = run_settings(snakemake.wildcards.entry, snakemake.params.settings)
        base = last_step(Path(snakemake.input.base[0])) if run.base else None
        with whole_folder(Path(snakemake.output.weights)) as folder:
            files, settings, results = train(
                run,
                Training(**snakemake.params.training),
                corpus.read(Path(snakemake.input.corpus)),
                folder,
                base,
                Path(snakemake.params.compilation).resolve(),
            )
        write_manifest(
            Path(snakemake.output.manifest),
            entry=snakemake.wildcards.entry,
            source=snakemake.rule,
            stand_in=snakemake.params.stand_in,
            files=files,
            settings=settings,
            results=results,
        )
