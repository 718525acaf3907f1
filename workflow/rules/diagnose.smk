"""One model of a person's own, measured as all others are and placed among them."""


rule diagnose:
    input:
        code=modules("scripts/diagnose.py"),
        page=["workflow/report/diagnosis.html.j2", "workflow/report/page.css"],
        fits=rules.fits.output.fits,
        theory=rules.theory.output[0],
        manifests=manifests,
        around=f"results/{config['around']}/fits.parquet" if config["around"] else [],
    output:
        page=f"{RESULTS}/diagnosis/index.html",
        table=f"{RESULTS}/diagnosis/diagnosis.csv",
    log:
        f"{RESULTS}/logs/diagnose.log",
    conda:
        "../../envs/exhibits.yaml"
    params:
        model=config["model"] or COHORT.name,
        description=COHORT.description,
        band=cohort_facts.printed_band(),
        stand_ins=around_stand_ins(),
    message:
        "Place the model."
    script:
        "../../scripts/diagnose.py"
