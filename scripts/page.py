"""Write the page of a run: its summary, exhibits, printed numbers with their chains, and sources."""

from pathlib import Path

from weightfit import table
from weightfit.audit import summary
from weightfit.documents import data
from weightfit.report.page import Run, read, render
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        page, template = Path(snakemake.output[0]), data("workflow/report/page.html.j2")
        audit = Path(snakemake.input.audit)
        multiverse = snakemake.input.get("multiverse")
        run = Run(
            cohort=snakemake.params.cohort,
            description=snakemake.params.description,
            entries=snakemake.params.entries,
            folder=audit.parent,
            tables=[Path(name).stem for name in snakemake.input.tables],
            exhibits={Path(name).stem: Path(name) for name in snakemake.input.exhibits},
            audit=read(audit, "audit"),
            readings=read(Path(snakemake.input.readings), "evaluated_readings"),
            search=table.read(Path(snakemake.input.search), "database_search"),
            claims=read(Path(snakemake.input.claims), "claims_outcome"),
            multiverse=table.read(Path(multiverse), "multiverse") if multiverse else None,
        )
        text = render(run, template)
        page.write_text(text, encoding="utf-8")
        print(f"{page.name}: {len(text.encode()) / 1e6:.1f} MB, {run.audit.num_rows} numbers")
        print(summary.sentence(run.audit))
