"""Compute the spectra of one entry while its weights are on disk."""

import json
from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.spectra.spectrum import spectrum
from weightfit.task import logged
from weightfit.weights.declared import declared

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        source = Path(snakemake.input.manifest)
        manifest = json.loads(source.read_text(encoding="utf-8"))
        exclude = snakemake.params.exclude
        architecture = snakemake.params.architecture
        names = declared(architecture) if architecture else None
        rows = spectrum(manifest, Path(snakemake.input.weights), exclude, names, snakemake.params.stack)
        made = provenance("spectrum", "scripts/spectrum.py", {f"manifests/{source.name}": source})
        table.write(Path(snakemake.output[0]), "spectra", rows, made | {"excluded": exclude})
        print(f"{manifest['entry']}: spectra of {rows.num_rows} matrices")
