"""Show models on a page of their own, each measured as `weightfit analyze` measures one."""


rule diagnose:
    input:
        histograms=expand(rules.join.output, entry=COHORT.entries),
        manifests=manifests,
        around=around_fits,
    output:
        page=f"{RESULTS}/diagnosis/index.html",
        table=f"{RESULTS}/diagnosis/analysis.csv",
        document=f"{RESULTS}/diagnosis/analysis.json",
    log:
        f"{RESULTS}/logs/diagnose.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose.tsv"
    conda:
        "../../envs/exhibits.yaml"
    params:
        code=code("scripts/diagnose.py"),
        page=digests(f"workflow/report/{name}" for name in ("analysis.html.j2", "analysis.css", "page.css")),
        paper=digests(["paper/claims.yaml", "paper/exhibits.yaml", "paper/reported.tsv"]),
        title=name_for_readers(),
        is_model=bool(config["model"]),
        entries=list(COHORT.entries),
        heads=facts.heads(COHORT),
        models=facts.real_models(COHORT),
        stands_for=facts.stands_for(COHORT),
        around=stand_ins(around()),
    message:
        "Measure the model and write its page."
    script:
        "../../scripts/diagnose.py"
