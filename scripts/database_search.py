"""Search for the aggregations of the released database that give the printed band and its statistics."""

from pathlib import Path

from weightfit import table
from weightfit.audit.database import released
from weightfit.audit.database.search import search, summary
from weightfit.provenance import provenance
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        folder = Path(snakemake.params.database) if snakemake.params.database else None
        names = released.editions(folder) if folder else []
        rows = search([released.read(folder, name) for name in names])
        for found in summary(rows):
            print(
                f"{found['statistic']}: {found['matching']} of {found['aggregations']} aggregations match, "
                f"{found['matching_in_a_draw']} in some draw of the binning error"
            )
        inputs = {released.file_name(name): folder / released.file_name(name) for name in names}
        made = provenance("database_search", "scripts/database_search.py", inputs)
        table.write(Path(snakemake.output[0]), "database_search", rows, made)
