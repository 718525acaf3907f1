"""Store drawn weights and real matrices in ten number formats, and fit what is read back."""

import json
from itertools import chain
from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.precision import drawn, matrices, precision
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        manifests = [Path(path) for path in snakemake.input.manifests]
        models = chain.from_iterable(
            matrices(json.loads(manifest.read_text(encoding="utf-8")), Path(folder), **settings)
            for manifest, folder, settings in zip(
                manifests, snakemake.input.weights, snakemake.params.entries.values(), strict=True
            )
        )
        made = provenance(
            "precision", "scripts/precision.py", {f"manifests/{path.name}": path for path in manifests}
        )
        table.write(Path(snakemake.output[0]), "precision", precision(drawn(), models), made)
