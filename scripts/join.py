"""Join the histograms of an entry's weight files."""

from pathlib import Path

from weightfit.counts.join import join
from weightfit.provenance import provenance
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        parts = [Path(part) for part in snakemake.input.parts]
        output = Path(snakemake.output[0])
        inputs = {f"histograms/{part.relative_to(output.parent)}": part for part in parts}
        join(parts, output, provenance("join", "scripts/join.py", inputs))
