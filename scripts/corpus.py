"""Collect the text that the stand-ins are trained on from the installed packages."""

from pathlib import Path

from weightfit.documents import write_json
from weightfit.lab.corpus import collect, write_corpus
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        corpus, manifest = collect(snakemake.params.corpus)
        write_corpus(Path(snakemake.output.corpus), corpus)
        write_json(Path(snakemake.output.manifest), manifest)
