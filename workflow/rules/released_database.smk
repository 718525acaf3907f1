"""Fetch the released database from the Hub, on every call, because new tables replace older ones."""


rule released_database:
    log:
        "resources/released_database/log.txt",
    conda:
        "../../envs/hub.yaml"
    params:
        settings=data("paper/released_database.yaml"),
        folder=placed("resources/released_database"),
    message:
        "Fetch the tables of the released database."
    shell:
        "python -m weightfit.hub.released_database --settings {params.settings:q} --folder {params.folder:q}"
        " --log {log:q}"
