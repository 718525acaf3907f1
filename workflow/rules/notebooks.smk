"""Notebooks, executed on the tables that are listed for them and on no others."""

LOCAL = [entry for entry in COHORT.entries if entry not in HUB_SOURCES]
MEASURED_ALONE = [
    f"histograms/{entry}" for entry in [entry for entry in LOCAL if COHORT.entries[entry].model] or LOCAL[:2]
]
"""Histograms of the real models, or else of two entries."""

NOTEBOOKS = {
    "band": ["ablation", "laws", "steady_state", "theory"],
    "selection": ["drift", "fits", "steady_state"],
    "scale": ["coupling", "scaling", "steady_state", "steady_state_lines"],
    "one_model": MEASURED_ALONE,
}


rule notebook:
    input:
        tables=lambda wildcards: [f"{RESULTS}/{name}.parquet" for name in NOTEBOOKS[wildcards.notebook]],
    output:
        report(
            f"{RESULTS}/notebooks/{{notebook}}.html",
            category="Notebooks",
            labels={"notebook": "{notebook}"},
        ),
    log:
        f"{RESULTS}/logs/notebook/{{notebook}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/notebook/{{notebook}}.tsv"
    wildcard_constraints:
        notebook="|".join(NOTEBOOKS),
    conda:
        "../../envs/notebooks.yaml"
    params:
        code=code("scripts/notebook.py"),
        notebook=lambda wildcards: code(f"workflow/notebooks/{wildcards.notebook}.py"),
        # `import weightfit` in a notebook does not tell what is imported when it is used.
        analysis=code("weightfit/analysis/compare.py"),
        page=digests(["workflow/notebooks/page.html.j2"]),
        paper=PRINTED,
    message:
        "Execute the notebook {wildcards.notebook}."
    script:
        "../../scripts/notebook.py"


rule notebooks:
    input:
        expand(rules.notebook.output[0], notebook=NOTEBOOKS),
