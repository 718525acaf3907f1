"""Take histograms from an archive, as a cohort with `start` does instead of making and counting weights."""


rule restore:
    output:
        histogram=f"{RESULTS}/histograms/{{part}}.parquet",
        manifest=f"{RESULTS}/manifests/{{part}}.json",
    log:
        f"{RESULTS}/logs/restore/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/restore/{{part}}.tsv"
    wildcard_constraints:
        part="|".join(map(re.escape, ARCHIVED)) or "(?!)",
    conda:
        "../../envs/measure.yaml"
    params:
        archive=COHORT.start,
        # The digests let another archive under the same name start the run again.
        digests=lambda wildcards: ARCHIVED[wildcards.part],
    message:
        "Take the histogram and manifest of {wildcards.part} out of the archive."
    shell:
        "python -m weightfit.archive --archive {params.archive:q} --part {wildcards.part:q}"
        " --histogram {output.histogram:q} --manifest {output.manifest:q} --log {log:q}"
