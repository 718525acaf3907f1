"""Score the predictions beside the paper's own weights, if this run had them, and beside the printed numbers."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.scores import scores
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        foreseen = Path(snakemake.input[0])
        rows = scores(table.read_csv(foreseen, "foreseen"))
        missing = None if "weights" in rows["against"].to_pylist() else "needs the paper's own weights"
        made = provenance("scores", "scripts/scores.py", {foreseen.name: foreseen}) | {"missing": missing}
        if missing:
            print(f"no prediction was scored beside weights: {missing}")
        table.write(Path(snakemake.output[0]), "scores", rows, made)
