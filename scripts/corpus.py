"""Collect the text that the stand-ins are trained on."""

from pathlib import Path

from weightfit.lab import corpus
from weightfit.source import write_json
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        collected, manifest = corpus.collect(snakemake.params.corpus)
        corpus.write(collected, Path(snakemake.output.corpus))
        write_json(Path(snakemake.output.manifest), manifest)
        print(f"{manifest['files']} files, {manifest['bytes']}; bigram entropy {manifest['bigram_entropy']:.4f} nats")
