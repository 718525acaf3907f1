"""Archive the histograms of a run, and check them against the Hub."""


rule archive:
    input:
        histograms=lambda wildcards: [f"{RESULTS}/histograms/{part}.parquet" for part in counted_parts()],
        manifests=manifests,
    output:
        directory(f"{RESULTS}/archive"),
    log:
        f"{RESULTS}/logs/archive.log",
    benchmark:
        f"{RESULTS}/benchmarks/archive.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/archive.py"),
        parts=lambda wildcards: counted_parts(),
    message:
        "Gather the histograms, the manifests and their digests."
    script:
        "../../scripts/archive.py"


rule verify_archive:
    name:
        "verify-archive"
    log:
        f"{RESULTS}/logs/verify-archive.log",
    conda:
        "../../envs/hub.yaml"
    params:
        archive=COHORT.start or placed(f"{RESULTS}/archive"),
        sample=config["sample"],
        seed=config["seed"],
        architectures=json.dumps(
            {entry: chosen.naming for entry, chosen in COHORT.entries.items() if chosen.naming},
            sort_keys=True,
        ),
    message:
        "Fetch some weight files of the archive again, count them and compare the counts."
    shell:
        "python -m weightfit.verify_archive --archive {params.archive:q} --sample {params.sample}"
        " --seed {params.seed} --architectures {params.architectures:q} --log {log:q}"
