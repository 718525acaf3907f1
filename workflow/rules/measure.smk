"""From weights to numbers: exact histograms, then fits and moments."""

from weightfit.cohort import SOURCES
from weightfit.histogram import HISTOGRAM_CONTRACT


rule histogram:
    input:
        manifest=f"{RESULTS}/manifests/{{part}}.json",
        weights=f"{RESOURCES}/weights/{{part}}",
    output:
        f"{RESULTS}/histograms/{{part}}.parquet",
    log:
        f"{RESULTS}/logs/histogram/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/histogram/{{part}}.tsv"
    wildcard_constraints:
        # A whole entry, or one weight file of an entry from the Hub.
        part=rf"{only(*(source for source in SOURCES if source != 'download'))}|{HUB_PARTS}",
    priority: 20
    conda:
        "../../envs/measure.yaml"
    params:
        # The only thing that makes a counted histogram stale: an edit of code must not fetch weights again.
        contract=HISTOGRAM_CONTRACT,
    message:
        "Count every distinct weight of {wildcards.part}."
    shell:
        "python -m weightfit.part --manifest {input.manifest:q} --folder {input.weights:q}"
        " --output {output:q} --log {log:q}"


rule join:
    input:
        code=modules("scripts/join.py"),
        parts=hub_histograms,
    output:
        f"{RESULTS}/histograms/{{entry}}.parquet",
    log:
        f"{RESULTS}/logs/join/{{entry}}.log",
    wildcard_constraints:
        entry=only("download"),
    priority: 20
    conda:
        "../../envs/measure.yaml"
    message:
        "Join the histograms of the weight files of {wildcards.entry}."
    script:
        "../../scripts/join.py"


rule fit:
    input:
        code=modules("scripts/fit.py"),
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
        fits=config["fits"],
        exclude=lambda wildcards: COHORT.entries[wildcards.entry].exclude,
    message:
        "Fit every matrix and pool of {wildcards.entry}."
    script:
        "../../scripts/fit.py"


rule fits:
    input:
        code=modules("scripts/fits.py"),
        fits=expand(rules.fit.output.fits, entry=COHORT.entries),
        moments=expand(rules.fit.output.moments, entry=COHORT.entries),
    output:
        fits=f"{RESULTS}/fits.parquet",
        moments=f"{RESULTS}/moments.parquet",
    log:
        f"{RESULTS}/logs/fits.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Gather the fits and moments of all entries."
    script:
        "../../scripts/fits.py"
