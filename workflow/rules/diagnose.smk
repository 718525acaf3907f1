"""One model of a person's own, measured as all others are and placed among them."""


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
    conda:
        "../../envs/exhibits.yaml"
    params:
        code=code("scripts/diagnose.py"),
        page=contents(["workflow/report/diagnosis.html.j2", "workflow/report/page.css"]),
        model=config["model"] or COHORT.name,
        description=COHORT.description,
        band=exhibits.printed_band(),
        own=stand_ins(COHORT),
        around=stand_ins(around()),
    message:
        "Place the model."
    script:
        "../../scripts/diagnose.py"
