"""Give every printed number and every claim its computed value, a verdict and the evidence for it."""

import json
from pathlib import Path

from weightfit import paper
from weightfit.audit import registry, summary
from weightfit.audit.audit import audit
from weightfit.audit.claims.claims import judge_claims
from weightfit.audit.claims.file import read_claims
from weightfit.audit.evaluation import Evaluator, evaluate_all
from weightfit.audit.predictions import beside
from weightfit.audit.references.results import CohortFacts, Results
from weightfit.audit.references.sources import Sources
from weightfit.hub.pinned import of_the_hub, pinned
from weightfit.paper.predictions import changed
from weightfit.table import write_csv
from weightfit.task import logged

if __name__ == "__main__":
    with logged(snakemake.log[0]):
        manifests = [json.loads(Path(name).read_text(encoding="utf-8")) for name in snakemake.input.manifests]
        pins = [json.loads(Path(name).read_text(encoding="utf-8")) for name in snakemake.input.pins]
        genuine = pinned(manifests, of_the_hub(pins[0]) if pins else {})
        steps, blocks = snakemake.params.cohort["steps"], snakemake.params.cohort["blocks"]
        cohort = CohortFacts(snakemake.params.entries, steps, blocks, genuine)
        tables = {Path(name).stem: Path(name) for name in snakemake.input.tables}
        database = snakemake.params.database
        sources = Sources(Results(tables, cohort), Path(database) if database else None)
        results = evaluate_all(registry.read(), sources)
        numbers, readings = audit(results)
        claims = judge_claims(read_claims(), results, Evaluator(sources))
        stale = changed(pins[0].get("predictions")) if pins else []
        # Predictions that were changed after the pins were made are not put beside weights.
        foreseen = beside.beside(paper.predictions(), results, with_weights=not stale)
        print(summary.markdown(numbers))
        print("\n".join([beside.sentence(foreseen), *stale]))
        write_csv(Path(snakemake.output.audit), numbers)
        write_csv(Path(snakemake.output.readings), readings)
        write_csv(Path(snakemake.output.claims), claims)
        write_csv(Path(snakemake.output.predictions), foreseen)
