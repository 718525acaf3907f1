"""Ask what the paper claims of real models that it did not measure."""

from pathlib import Path

from weightfit import table
from weightfit.provenance import provenance
from weightfit.studies.beyond import beyond
from weightfit.studies.selection import TRIM, anchor
from weightfit.task import logged

READ = ("fits", "moments", "closure", "super_weights", "format_null", "theory")

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        paths = {name: Path(snakemake.input[name]) for name in READ}
        tables = {name: table.read(path, name) for name, path in paths.items()}
        rows = beyond(snakemake.params.models, tables, anchor(tables.pop("theory"), TRIM))
        made = provenance("beyond", "scripts/beyond.py", {path.name: path for path in paths.values()})
        table.write(Path(snakemake.output[0]), "beyond", rows, made)
