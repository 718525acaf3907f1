"""Write the database of fits in the form of the paper's appendix B.2."""

import json
from pathlib import Path

from weightfit import paper, table
from weightfit.exhibits import database
from weightfit.provenance import provenance
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        folder = Path(snakemake.output[0])
        inputs = {f"{name}.parquet": Path(snakemake.input[name]) for name in ("fits", "closure")}
        fits, closure = (table.read(path, name.removesuffix(".parquet")) for name, path in inputs.items())
        database.write(folder, fits, closure, snakemake.params.facts, paper.states()["database"])
        made = provenance("database", "scripts/database.py", inputs)
        (folder / "provenance.json").write_text(json.dumps(made, sort_keys=True, indent=1) + "\n")
