"""The rules of a workflow as Snakemake reads them, for the tests of the house's laws."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import OutputSettings, Quietness, ResourceSettings

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Rule:
    """What the laws ask of a rule; a file that the rule does not name is None."""

    name: str
    lists_targets: bool
    has_run: bool
    message: str | None
    logs: tuple[str, ...]
    environment: Path | None
    script: Path | None
    shell: str | None
    temporary: tuple[str, ...]
    has_unnamed_params: bool
    code: object


def read_rules(snakefile: Path) -> tuple[Rule, ...]:
    """Read the rules of `snakefile` and of all that it includes, with its default configuration."""

    def path(rule: object, name: object) -> Path | None:
        return None if name is None else (Path(rule.basedir) / str(name)).resolve()

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        # The rules have no public way in; the version of Snakemake is locked.
        workflow = api.workflow(ResourceSettings(), snakefile=snakefile, workdir=snakefile.parent)._workflow
        return tuple(
            Rule(
                name=rule.name,
                lists_targets=rule.norun,
                has_run=rule.is_run,
                message=rule.message,
                logs=tuple(str(log) for log in rule.log),
                environment=path(rule, rule.conda_env),
                script=path(rule, rule.script),
                shell=rule.shellcmd,
                temporary=tuple(str(file) for file in rule.output if file.flags.get("temp")),
                has_unnamed_params=len(rule.params) > len(list(rule.params.items())),
                code=dict(rule.params.items()).get("code"),
            )
            for rule in workflow.rules
        )


@cache
def rules() -> tuple[Rule, ...]:
    """Read the rules of this repository, once in a process."""
    return read_rules(REPOSITORY / "Snakefile")
