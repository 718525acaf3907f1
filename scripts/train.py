"""Train one stand-in, and write the weights of the steps that are kept and the manifest."""

from pathlib import Path

from weightfit.documents import write_json
from weightfit.lab.corpus import read_corpus
from weightfit.lab.settings import read_settings
from weightfit.lab.training import kept_compilations, train
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]), kept_compilations(Path(snakemake.params.compilation)):
        entry = snakemake.wildcards.entry
        base = snakemake.input.get("base")
        manifest = train(
            read_settings(entry, snakemake.params.training, snakemake.params.settings),
            read_corpus(Path(snakemake.input.corpus)),
            Path(snakemake.output.weights),
            Path(base) if base else None,
        )
        write_json(
            Path(snakemake.output.manifest),
            {
                "entry": entry,
                "source": "train",
                "stand_in": snakemake.params.stand_in,
                "repository": None,
                "commit": None,
                **manifest,
            },
        )
