"""One model of a person's own, measured as all others are and placed among them."""


rule diagnose:
    input:
        code=modules("scripts/diagnose.py"),
        page=["workflow/report/diagnosis.html.j2", "workflow/report/page.css"],
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
        model=config["model"] or COHORT.name,
        description=COHORT.description,
        band=cohort_facts.printed_band(),
        own=stand_ins(COHORT),
        around=stand_ins(around()),
    message:
        "Place the model."
    script:
        "../../scripts/diagnose.py"
