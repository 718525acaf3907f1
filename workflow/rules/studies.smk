"""Studies: what a question of the paper asks of the fits, each one module and one table."""


rule theory:
    input:
        code=modules("scripts/theory.py"),
    output:
        f"{RESULTS}/theory.parquet",
    log:
        f"{RESULTS}/logs/theory.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Compute the noise of the plot, and what Gaussian and heavier-tailed weights give."
    script:
        "../../scripts/theory.py"


rule library:
    input:
        code=modules("scripts/library.py"),
        paper=["paper/counterparts.tsv", "paper/reported.tsv", "paper/states.tsv"],
    output:
        f"{RESULTS}/library.parquet",
    log:
        f"{RESULTS}/logs/library.log",
    conda:
        "../../envs/library.yaml"
    message:
        "Compare the functions that the paper names, and the released ones, with ours."
    script:
        "../../scripts/library.py"


rule ablation:
    input:
        code=modules("scripts/ablation.py"),
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/ablation.parquet",
    log:
        f"{RESULTS}/logs/ablation.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Compare the shape at three trims, entry by entry."
    script:
        "../../scripts/ablation.py"


rule closure:
    input:
        code=modules("scripts/closure.py"),
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/closure.parquet",
    log:
        f"{RESULTS}/logs/closure.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Compare what each fitted law implies with what is measured."
    script:
        "../../scripts/closure.py"


rule drift:
    input:
        code=modules("scripts/drift.py"),
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/drift.parquet",
    log:
        f"{RESULTS}/logs/drift.log",
    conda:
        "../../envs/measure.yaml"
    params:
        continued=cohort_facts.continued(COHORT),
    message:
        "Compare the shapes before training with those at the last step."
    script:
        "../../scripts/drift.py"


rule scaling:
    input:
        code=modules("scripts/scaling.py"),
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/scaling.parquet",
    log:
        f"{RESULTS}/logs/scaling.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Follow the scale of each kind of matrix through training."
    script:
        "../../scripts/scaling.py"


rule steady_state:
    input:
        code=modules("scripts/steady_state.py"),
        scaling=rules.scaling.output[0],
        paper=["paper/entries.tsv", "paper/training.tsv", "paper/states.tsv"],
    output:
        rows=f"{RESULTS}/steady_state.parquet",
        lines=f"{RESULTS}/steady_state_lines.parquet",
    log:
        f"{RESULTS}/logs/steady_state.log",
    conda:
        "../../envs/measure.yaml"
    params:
        origins=cohort_facts.origins(COHORT),
        groups=cohort_facts.groups(),
    message:
        "Put mean scales beside the hyperparameters, and draw lines through the origin."
    script:
        "../../scripts/steady_state.py"


rule coupling:
    input:
        code=modules("scripts/coupling.py"),
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/coupling.parquet",
    log:
        f"{RESULTS}/logs/coupling.log",
    conda:
        "../../envs/measure.yaml"
    params:
        groups=cohort_facts.families(COHORT),
        continued=cohort_facts.continued(COHORT),
    message:
        "Correlate the scales of the matrices that write into the residual stream."
    script:
        "../../scripts/coupling.py"


rule super_weights:
    input:
        code=modules("scripts/super_weights.py"),
        fits=rules.fits.output.fits,
        moments=rules.fits.output.moments,
    output:
        f"{RESULTS}/super_weights.parquet",
    log:
        f"{RESULTS}/logs/super_weights.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Measure the tail of each block beside its body."
    script:
        "../../scripts/super_weights.py"


rule density:
    input:
        code=modules("scripts/density.py"),
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/density.parquet",
    log:
        f"{RESULTS}/logs/density.log",
    conda:
        "../../envs/measure.yaml"
    params:
        milestones=cohort_facts.milestones(COHORT),
    message:
        "Bin the magnitudes of each block."
    script:
        "../../scripts/density.py"


rule tail:
    input:
        code=modules("scripts/tail.py"),
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/tail.parquet",
    log:
        f"{RESULTS}/logs/tail.log",
    conda:
        "../../envs/measure.yaml"
    params:
        milestones=cohort_facts.milestones(COHORT),
    message:
        "Count body and tail beside what the fitted law and Gaussian weights predict."
    script:
        "../../scripts/tail.py"


rule laws:
    input:
        code=modules("scripts/laws.py"),
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/laws.parquet",
    log:
        f"{RESULTS}/logs/laws.log",
    conda:
        "../../envs/measure.yaml"
    params:
        exclude=cohort_facts.excluded(COHORT),
    message:
        "Fit six laws to the same counts by maximum likelihood."
    script:
        "../../scripts/laws.py"


rule calibration:
    input:
        code=modules("scripts/calibration.py"),
    output:
        f"{RESULTS}/calibration.parquet",
    log:
        f"{RESULTS}/logs/calibration.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Compute what planted second populations do to the shape and to the measure of bimodality."
    script:
        "../../scripts/calibration.py"


rule bimodality:
    input:
        code=modules("scripts/bimodality.py"),
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/bimodality.parquet",
    log:
        f"{RESULTS}/logs/bimodality.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Look for a second population of small magnitudes."
    script:
        "../../scripts/bimodality.py"


rule multiverse:
    input:
        code=modules("scripts/multiverse.py"),
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=cohort_facts.main_entries(COHORT)),
    output:
        f"{RESULTS}/multiverse.parquet",
    log:
        f"{RESULTS}/logs/multiverse.log",
    conda:
        "../../envs/measure.yaml"
    params:
        entries=cohort_facts.main_entries(COHORT),
        band=cohort_facts.printed_band(),
    message:
        "Move the headline statistics by one choice of the analysis at a time."
    script:
        "../../scripts/multiverse.py"


rule database:
    input:
        code=modules("scripts/database.py"),
        fits=rules.fits.output.fits,
        closure=rules.closure.output[0],
        paper=["paper/states.tsv"],
    output:
        directory(f"{RESULTS}/database"),
    log:
        f"{RESULTS}/logs/database.log",
    conda:
        "../../envs/measure.yaml"
    params:
        facts=cohort_facts.of_models(COHORT),
    message:
        "Write the database of fits in the form of the paper's appendix B.2."
    script:
        "../../scripts/database.py"


rule studies:
    input:
        rules.theory.output,
        rules.library.output,
        rules.ablation.output,
        rules.closure.output,
        rules.drift.output,
        rules.scaling.output,
        rules.steady_state.output,
        rules.coupling.output,
        rules.super_weights.output,
        rules.density.output,
        rules.tail.output,
        rules.laws.output,
        rules.calibration.output,
        rules.bimodality.output,
        rules.multiverse.output,
        rules.database.output,
