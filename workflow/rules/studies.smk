"""Studies: what a question of the paper asks of the fits, each one module and one table."""


rule theory:
    input:
        code=modules("scripts/theory.py"),
    output:
        f"{RESULTS}/theory.parquet",
    log:
        f"{RESULTS}/logs/theory.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Compute what the plotting positions and exactly half-normal weights give."
    script:
        "../../scripts/theory.py"


rule ablation:
    input:
        code=modules("scripts/ablation.py"),
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/ablation.parquet",
    log:
        f"{RESULTS}/logs/ablation.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Compare the shape at three trims, entry by entry."
    script:
        "../../scripts/ablation.py"


rule scaling:
    input:
        code=modules("scripts/scaling.py"),
        fits=rules.fits.output.fits,
    output:
        f"{RESULTS}/scaling.parquet",
    log:
        f"{RESULTS}/logs/scaling.log",
    conda:
        "../../envs/measure.yaml"
    message:
        "Follow the scale of each kind of matrix through training."
    script:
        "../../scripts/scaling.py"
