"""Relate the mean scale of the transmission matrices to the hyperparameters, and fit lines through the origin."""

from pathlib import Path

from weightfit import paper, table
from weightfit.documents import data
from weightfit.provenance import provenance
from weightfit.studies.steady_state import Origin, steady_state, steady_state_lines
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        scaling = Path(snakemake.input.scaling)
        origins = {entry: Origin(**facts) for entry, facts in snakemake.params.origins.items()}
        published = {name: paper.training(name) for name in paper.conventions()}
        rows = steady_state(table.read(scaling, "scaling"), origins, published, paper.states())
        lines = steady_state_lines(rows, snakemake.params.groups)
        inputs = {"scaling.parquet": scaling}
        inputs |= {Path(name).name: data(name) for name in snakemake.params.paper}
        made = provenance("steady_state", "scripts/steady_state.py", inputs)
        made |= {"origins": snakemake.params.origins, "groups": snakemake.params.groups}
        table.write(Path(snakemake.output.rows), "steady_state", rows, made)
        table.write(Path(snakemake.output.lines), "steady_state_lines", lines, made)
