"""Studies: each answers one question of the paper from the fits, with one module and one table."""


rule theory:
    output:
        f"{RESULTS}/theory.parquet",
    log:
        f"{RESULTS}/logs/theory.log",
    benchmark:
        f"{RESULTS}/benchmarks/theory.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/theory.py"),
    message:
        "Compute the noise of the probability plot, and the shapes of Gaussian and heavier-tailed weights."
    script:
        "../../scripts/theory.py"


rule library:
    output:
        f"{RESULTS}/library.parquet",
    log:
        f"{RESULTS}/logs/library.log",
    benchmark:
        f"{RESULTS}/benchmarks/library.tsv"
    conda:
        "../../envs/library.yaml"
    params:
        code=code("scripts/library.py"),
        paper=digests(f"paper/{name}.tsv" for name in ("counterparts", "reported", "states")),
    message:
        "Compare our functions with those that the paper names and with the released ones."
    script:
        "../../scripts/library.py"


rule ablation:
    input:
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/ablation.parquet",
    log:
        f"{RESULTS}/logs/ablation.log",
    benchmark:
        f"{RESULTS}/benchmarks/ablation.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/ablation.py"),
    message:
        "Compare the shape at three trims, entry by entry."
    script:
        "../../scripts/ablation.py"


rule closure:
    input:
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/closure.parquet",
    log:
        f"{RESULTS}/logs/closure.log",
    benchmark:
        f"{RESULTS}/benchmarks/closure.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/closure.py"),
    message:
        "Compare the moments that each fitted law implies with the measured ones."
    script:
        "../../scripts/closure.py"


rule drift:
    input:
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/drift.parquet",
    log:
        f"{RESULTS}/logs/drift.log",
    benchmark:
        f"{RESULTS}/benchmarks/drift.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/drift.py"),
        continued=facts.continued(COHORT),
    message:
        "Compare the shapes before training with those at the last step."
    script:
        "../../scripts/drift.py"


rule scaling:
    input:
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/scaling.parquet",
    log:
        f"{RESULTS}/logs/scaling.log",
    benchmark:
        f"{RESULTS}/benchmarks/scaling.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/scaling.py"),
    message:
        "Follow the scale of each kind of matrix through training."
    script:
        "../../scripts/scaling.py"


rule steady_state:
    input:
        scaling=rules.scaling.output[0],
    output:
        rows=f"{RESULTS}/steady_state.parquet",
        lines=f"{RESULTS}/steady_state_lines.parquet",
    log:
        f"{RESULTS}/logs/steady_state.log",
    benchmark:
        f"{RESULTS}/benchmarks/steady_state.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/steady_state.py"),
        paper=digests(f"paper/{name}.tsv" for name in ("entries", "training", "states")),
        origins=facts.origins(COHORT),
        groups=exhibits.groups(),
    message:
        "Compare mean scales with the hyperparameters, and fit lines through the origin."
    script:
        "../../scripts/steady_state.py"


rule coupling:
    input:
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/coupling.parquet",
    log:
        f"{RESULTS}/logs/coupling.log",
    benchmark:
        f"{RESULTS}/benchmarks/coupling.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/coupling.py"),
        groups=facts.families(COHORT),
        continued=facts.continued(COHORT),
    message:
        "Correlate the scales of the matrices that write into the residual stream."
    script:
        "../../scripts/coupling.py"


rule super_weights:
    input:
        fits=rules.fits.output.fits,
        moments=rules.fits.output.moments,
    output:
        f"{RESULTS}/super_weights.parquet",
    log:
        f"{RESULTS}/logs/super_weights.log",
    benchmark:
        f"{RESULTS}/benchmarks/super_weights.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/super_weights.py"),
    message:
        "Measure the largest weights of each block."
    script:
        "../../scripts/super_weights.py"


rule spectra:
    input:
        spectra=expand(f"{RESULTS}/spectra/{{entry}}.parquet", entry=COHORT.with_spectra),
    output:
        f"{RESULTS}/spectra.parquet",
    log:
        f"{RESULTS}/logs/spectra.log",
    benchmark:
        f"{RESULTS}/benchmarks/spectra.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/spectra.py"),
    message:
        "Gather the spectra of all entries that have some."
    script:
        "../../scripts/spectra.py"


rule density:
    input:
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/density.parquet",
    log:
        f"{RESULTS}/logs/density.log",
    benchmark:
        f"{RESULTS}/benchmarks/density.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/density.py"),
        milestones=facts.milestones(COHORT),
    message:
        "Bin the magnitudes of each matrix by block."
    script:
        "../../scripts/density.py"


rule tail:
    input:
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/tail.parquet",
    log:
        f"{RESULTS}/logs/tail.log",
    benchmark:
        f"{RESULTS}/benchmarks/tail.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/tail.py"),
        milestones=facts.milestones(COHORT),
    message:
        "Count body and tail, and compare them with the fitted law and with Gaussian weights."
    script:
        "../../scripts/tail.py"


rule laws:
    input:
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/laws.parquet",
    log:
        f"{RESULTS}/logs/laws.log",
    benchmark:
        f"{RESULTS}/benchmarks/laws.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/laws.py"),
        exclude=facts.excluded(COHORT),
    message:
        "Fit six laws to the same counts by maximum likelihood."
    script:
        "../../scripts/laws.py"


rule precision:
    input:
        manifests=[f"{RESULTS}/manifests/{entry}.json" for entry in COHORT.with_precision],
        weights=[f"{RESOURCES}/weights/{entry}" for entry in COHORT.with_precision],
    output:
        f"{RESULTS}/precision.parquet",
    log:
        f"{RESULTS}/logs/precision.log",
    benchmark:
        f"{RESULTS}/benchmarks/precision.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/precision.py"),
        entries=facts.of_stored(COHORT),
    message:
        "Store drawn weights and real matrices in ten number formats, and fit what is read back."
    script:
        "../../scripts/precision.py"


rule calibration:
    output:
        f"{RESULTS}/calibration.parquet",
    log:
        f"{RESULTS}/logs/calibration.log",
    benchmark:
        f"{RESULTS}/benchmarks/calibration.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/calibration.py"),
    message:
        "Compute the effect of planted second populations on the shape and on the measure of bimodality."
    script:
        "../../scripts/calibration.py"


rule bimodality:
    input:
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/bimodality.parquet",
    log:
        f"{RESULTS}/logs/bimodality.log",
    benchmark:
        f"{RESULTS}/benchmarks/bimodality.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/bimodality.py"),
    message:
        "Look for a second population of small magnitudes."
    script:
        "../../scripts/bimodality.py"


rule multiverse:
    input:
        fits=rules.fits.output.fits,
        histograms=expand(rules.join.output, entry=facts.main_entries(COHORT)),
    output:
        f"{RESULTS}/multiverse.parquet",
    log:
        f"{RESULTS}/logs/multiverse.log",
    benchmark:
        f"{RESULTS}/benchmarks/multiverse.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/multiverse.py"),
        entries=facts.main_entries(COHORT),
        band=exhibits.printed_band(),
    message:
        "Recompute the headline statistics with one choice of the analysis changed at a time."
    script:
        "../../scripts/multiverse.py"


rule format_null:
    input:
        histograms=expand(rules.join.output, entry=COHORT.entries),
    output:
        f"{RESULTS}/format_null.parquet",
    log:
        f"{RESULTS}/logs/format_null.log",
    benchmark:
        f"{RESULTS}/benchmarks/format_null.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/format_null.py"),
    message:
        "Compute what Gaussian weights would give in the format of each matrix."
    script:
        "../../scripts/format_null.py"


rule beyond:
    input:
        fits=rules.fits.output.fits,
        moments=rules.fits.output.moments,
        closure=rules.closure.output[0],
        super_weights=rules.super_weights.output[0],
        format_null=rules.format_null.output[0],
        theory=rules.theory.output[0],
    output:
        f"{RESULTS}/beyond.parquet",
    log:
        f"{RESULTS}/logs/beyond.log",
    benchmark:
        f"{RESULTS}/benchmarks/beyond.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/beyond.py"),
        paper=digests(["paper/claims.yaml", "paper/reported.tsv"]),
        models=facts.real_models(COHORT),
    message:
        "Ask what the paper claims of real models that it did not measure."
    script:
        "../../scripts/beyond.py"


rule database:
    input:
        fits=rules.fits.output.fits,
        closure=rules.closure.output[0],
    output:
        directory(f"{RESULTS}/database"),
    log:
        f"{RESULTS}/logs/database.log",
    benchmark:
        f"{RESULTS}/benchmarks/database.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/database.py"),
        paper=digests(["paper/states.tsv"]),
        # Its README explains every key in the words of these two.
        schemas=digests(f"workflow/schemas/{name}.schema.yaml" for name in ("database", "medians")),
        facts=facts.of_models(COHORT),
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
        rules.spectra.output,
        rules.density.output,
        rules.tail.output,
        rules.laws.output,
        rules.precision.output,
        rules.calibration.output,
        rules.bimodality.output,
        rules.multiverse.output,
        rules.format_null.output,
        rules.beyond.output,
        rules.database.output,
