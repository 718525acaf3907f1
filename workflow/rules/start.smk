"""From an archive to histograms: what a cohort with `start` does instead of making, fetching and counting weights."""


rule restore:
    output:
        histogram=f"{RESULTS}/histograms/{{part}}.parquet",
        manifest=f"{RESULTS}/manifests/{{part}}.json",
    log:
        f"{RESULTS}/logs/restore/{{part}}.log",
    wildcard_constraints:
        part="|".join(map(re.escape, ARCHIVED)) or "(?!)",
    conda:
        "../../envs/measure.yaml"
    params:
        archive=COHORT.start,
        # Another archive under the same name begins again.
        digests=lambda wildcards: ARCHIVED[wildcards.part],
    message:
        "Take {wildcards.part} out of the archive."
    shell:
        "python -m weightfit.archive --archive {params.archive:q} --part {wildcards.part:q}"
        " --histogram {output.histogram:q} --manifest {output.manifest:q} --log {log:q}"
