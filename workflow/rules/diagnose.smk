"""Diagnose a user's own model, which is measured in the same way as the others and compared with them."""


rule diagnose:
    input:
        fits=rules.fits.output.fits,
        theory=rules.theory.output[0],
        manifests=manifests,
        around=around_fits,
    output:
        page=f"{RESULTS}/diagnosis/index.html",
        table=f"{RESULTS}/diagnosis/diagnosis.csv",
        ratios=f"{RESULTS}/diagnosis/scale_ratios.csv",
    log:
        f"{RESULTS}/logs/diagnose.log",
    benchmark:
        f"{RESULTS}/benchmarks/diagnose.tsv"
    conda:
        "../../envs/exhibits.yaml"
    params:
        code=code("scripts/diagnose.py"),
        page=digests(["workflow/report/diagnosis.html.j2", "workflow/report/page.css"]),
        paper=digests(["paper/exhibits.yaml", "paper/reported.tsv"]),
        model=config["model"] or COHORT.name,
        description=COHORT.description,
        band=exhibits.printed_band(),
        own=stand_ins(COHORT),
        around=stand_ins(around()),
    message:
        "Diagnose the model beside the printed band and Gaussian weights."
    script:
        "../../scripts/diagnose.py"
