"""Compute fits and moments from histograms."""


rule join:
    input:
        parts=hub_histograms,
    output:
        f"{RESULTS}/histograms/{{entry}}.parquet",
    log:
        f"{RESULTS}/logs/join/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/join/{{entry}}.tsv"
    wildcard_constraints:
        entry=only("download"),
    priority: 20
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/join.py"),
    message:
        "Join the histograms of the weight files of {wildcards.entry}."
    script:
        "../../scripts/join.py"


rule fit:
    input:
        histograms=rules.join.output,
    output:
        fits=f"{RESULTS}/fits/{{entry}}.parquet",
        moments=f"{RESULTS}/moments/{{entry}}.parquet",
    log:
        f"{RESULTS}/logs/fit/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/fit/{{entry}}.tsv"
    priority: 20
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/fit.py"),
        fits=config["fits"],
        exclude=lambda wildcards: COHORT.entries[wildcards.entry].exclude,
    message:
        "Fit every matrix and pool of {wildcards.entry}."
    script:
        "../../scripts/fit.py"


rule fits:
    input:
        fits=expand(rules.fit.output.fits, entry=COHORT.entries),
        moments=expand(rules.fit.output.moments, entry=COHORT.entries),
        # The manifest of an entry states what was counted, or that the entry was unavailable.
        manifests=manifests,
    output:
        fits=f"{RESULTS}/fits.parquet",
        moments=f"{RESULTS}/moments.parquet",
    log:
        f"{RESULTS}/logs/fits.log",
    benchmark:
        f"{RESULTS}/benchmarks/fits.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/fits.py"),
    message:
        "Gather the fits and moments of all entries."
    script:
        "../../scripts/fits.py"
