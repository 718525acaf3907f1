"""The laws of the house: layers, rules, scripts, choices, documents, style and types."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
import yaml
from manual import DOCUMENTS
from snakefile import REPOSITORY, Rule, read_rules, rules

from weightfit import __version__, provenance
from weightfit.paper import exhibits

# Who may import what; everything else is open to all. A name ends with / for a folder.
CONFINED = {
    "jax": ("weightfit/lab/",),
    "jaxlib": ("weightfit/lab/",),
    "matplotlib": ("weightfit/exhibits/", "weightfit/report/", "weightfit/analysis/figures.py"),
    "great_tables": ("weightfit/exhibits/table.py",),
    "gguf": ("weightfit/weights/gguf_types.py", "weightfit/studies/precision.py"),
    "snakemake": (),
    **dict.fromkeys(("jupytext", "nbclient", "nbconvert", "nbformat"), ("weightfit/report/notebook.py",)),
}
LARGEST_FILE = 1_000_000


def code(*folders: str) -> list[Path]:
    return sorted(file for folder in folders for file in (REPOSITORY / folder).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def committed() -> list[Path]:
    """List the files that git has, or would have with `git add --all`."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this folder is not a git checkout")
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return [REPOSITORY / name for name in names if name and (REPOSITORY / name).is_file()]


# Rules.


def script_of(rule: str) -> str:
    """Return the name of a rule's script: one makes every exhibit."""
    return "exhibit" if rule in exhibits.read() else rule


def digest(rule: Rule) -> str | None:
    """Return what should stand as ``code`` in the params of a rule that has a script."""
    if rule.script is None or not rule.script.is_file():
        return None
    exhibit = exhibits.read().get(rule.name)
    inside = rule.script.is_relative_to(REPOSITORY)
    script = str(rule.script.relative_to(REPOSITORY) if inside else rule.script)
    return provenance.code(script, *([exhibit.maker, exhibit.module] if exhibit else []))


def broken_laws(rule: Rule, known_environments: frozenset[Path]) -> list[str]:
    """List the laws that a rule breaks; a rule that only lists targets has none to keep."""
    if rule.lists_targets:
        return []
    message = rule.message or ""
    laws = {
        "has a run: directive; write a script": not rule.has_run,
        "has no message, or not one sentence with a capital and a full stop": bool(
            re.fullmatch(r"[A-Z][^\n]*\.", message)
        ),
        "has no log": bool(rule.logs),
        "has no conda environment of envs/": rule.environment in known_environments,
        "hands over params without a name": not rule.has_unnamed_params,
        "has a script of another name": rule.script is None or rule.script.stem == script_of(rule.name),
        "names a script that does not exist": rule.script is None or rule.script.is_file(),
        "has no digest of its script in its params": rule.script is None or rule.code == digest(rule),
        "marks as temp() what is not a weight": all(
            re.match(r"resources/[^/]+/weights/", file) for file in rule.temporary
        ),
    }
    return [f"rule {rule.name} {law}" for law, kept in laws.items() if not kept]


def test_each_rule_keeps_the_laws() -> None:
    environments = frozenset((REPOSITORY / "envs").glob("*.yaml"))
    working = [rule for rule in rules() if not rule.lists_targets]
    assert working, "no rules: these tests read the Snakefile wrongly"
    assert [law for rule in working for law in broken_laws(rule, environments)] == []


def test_each_law_of_rules_can_be_broken(tmp_path: Path) -> None:
    for name in ("scripts/fit.py", "envs/measure.yaml", "scripts/other.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    kept = """
from weightfit.provenance import code as digest


def code(name):
    path = f"{workflow.basedir}/{name}"
    return digest(path) if os.path.exists(path) else None


rule fit:
    output:
        temp("resources/offline/weights/a"),
    log:
        "fit.log",
    conda:
        "envs/measure.yaml"
    params:
        code=code("scripts/fit.py"),
        trim=1,
    message:
        "Fit {output}."
    script:
        "scripts/fit.py"
"""
    changes = {
        "": ("", ""),
        "run:": ('script:\n        "scripts/fit.py"', "run:\n        pass"),
        "message": ('    message:\n        "Fit {output}."\n', ""),
        "full stop": ("Fit {output}.", "fit it"),
        "no log": ('    log:\n        "fit.log",\n', ""),
        "no conda": ('    conda:\n        "envs/measure.yaml"\n', ""),
        "no conda environment of envs/": ("envs/measure.yaml", "measure.yaml"),
        "params without a name": (
            'code=code("scripts/fit.py"),\n        trim=1',
            '1, code=code("scripts/fit.py")',
        ),
        "digest of its script": ('code("scripts/fit.py")', 'code("scripts/other.py")'),
        "script of another name": ("scripts/fit.py", "scripts/other.py"),
        "does not exist": ("scripts/fit.py", "elsewhere/fit.py"),
        "temp()": ("resources/offline/weights/a", "results/offline/fits.parquet"),
    }
    for law, (old, new) in changes.items():
        assert old in kept
        (tmp_path / "Snakefile").write_text(kept.replace(old, new))
        (rule,) = read_rules(tmp_path / "Snakefile")
        broken = broken_laws(rule, frozenset({(tmp_path / "envs/measure.yaml").resolve()}))
        assert [law in entry for entry in broken] == ([True] if law else []), (law, broken)


# Layers.


def imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    return names


def misplaced(path: str, source: str) -> list[str]:
    """List what a file of the package or of the scripts has that belongs elsewhere."""
    tree = ast.parse(source)
    found = [
        f"{path} imports {name}, which belongs in {places or 'the tests'}"
        for name, places in CONFINED.items()
        if name in imported(tree) and not path.startswith(places)
    ]
    expressions = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in expressions
    ]
    main = [node for node in tree.body if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)]
    inside = {node for block in main for node in ast.walk(block)}
    handle = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "snakemake"]
    if path.startswith("weightfit/"):
        if handle:
            found.append(f"{path} names snakemake")
        found += [
            f"{path} names a path of a run: {text!r}"
            for text in texts
            if re.search(r"\b(results|resources)/", text)
        ]
    else:
        if not ast.get_docstring(tree):
            found.append(f"{path} has no docstring")
        if set(handle) - inside:
            found.append(f"{path} names snakemake outside of its __main__ block")
        if "snakemake.config" in ast.unparse(tree):
            found.append(f"{path} reads snakemake.config; hand it a named param")
    return found


def test_each_file_keeps_to_its_layer() -> None:
    files = code("weightfit", "scripts")
    assert [fault for file in files for fault in misplaced(relative(file), file.read_text())] == []


@pytest.mark.parametrize(
    ("path", "source", "faults"),
    [
        ("weightfit/lab/model.py", "import jax.numpy", 0),
        ("weightfit/counts/histogram.py", "def f():\n    from jax import numpy", 1),
        ("weightfit/table.py", "import matplotlib.pyplot", 1),
        ("weightfit/table.py", '"""Read results/offline/fits.parquet."""', 0),
        ("weightfit/table.py", 'path = f"results/{1}"', 1),
        ("weightfit/task.py", "snakemake.input", 1),
        ("scripts/fit.py", '"""Fit."""\nif __name__ == "__main__":\n    print(snakemake.params.trim)', 0),
        ("scripts/fit.py", '"""Fit."""\nprint(snakemake.params.trim)', 1),
        ("scripts/fit.py", '"""Fit."""\nif __name__ == "__main__":\n    print(snakemake.config["trim"])', 1),
        ("scripts/fit.py", "import snakemake", 2),
        ("weightfit/exhibits/figures/figure_02.py", "import matplotlib", 0),
    ],
)
def test_a_file_out_of_its_layer_is_noticed(path: str, source: str, faults: int) -> None:
    assert len(misplaced(path, source)) == faults


# The flow: a folder reads what stands before it here, and modules at the top that are not named are doors.

FLOW = (
    "errors documents table provenance task components",
    *(
        "paper",
        "formula",
        "weights",
        "lab",
        "hub",
        "counts",
        "spectra",
        "fits",
        "studies",
        "diagnostics",
        "release",
    ),
    *("exhibits", "audit", "report", "cohort", "analysis"),
)


def against_the_flow(imports: dict[str, set[str]]) -> list[str]:
    """List the imports that go against the flow, or that close a circle of modules."""

    def stage(module: str) -> int:
        name = [*module.split("."), "errors"][1]
        return next((place for place, names in enumerate(FLOW) if name in names.split()), len(FLOW))

    found = [(one, other) for one, others in imports.items() for other in others if stage(other) > stage(one)]
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        found.append(tuple(error.args[1]))
    return [" imports ".join(chain) for chain in found]


def package_imports() -> dict[str, set[str]]:
    """Return the modules of the package, each with those that it imports anywhere."""
    files = {
        relative(file)[:-3].replace("/", ".").removesuffix(".__init__"): file for file in code("weightfit")
    }
    found: dict[str, set[str]] = {module: set() for module in files}
    for module, file in files.items():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found[module] |= {alias.name for alias in node.names} & files.keys()
            elif isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                found[module] |= (names & files.keys()) or ({str(node.module)} & files.keys())
    return found


def test_no_import_goes_against_the_flow() -> None:
    imports = package_imports()
    assert {"weightfit.table", "weightfit.fits.probability_plot"} <= imports["weightfit.studies.closure"]
    assert against_the_flow(imports) == []


@pytest.mark.parametrize(
    ("one", "other", "faults"),
    [
        ("weightfit.hub.cost", "weightfit.audit.needs", 1),
        ("weightfit.table", "weightfit.paper", 1),
        ("weightfit.fits.null", "weightfit.cohort.models", 1),
        ("weightfit.documents", "weightfit.table", 1),  # a circle
        ("weightfit.trace", "weightfit.audit.needs", 0),
    ],
)
def test_an_import_against_the_flow_is_noticed(one: str, other: str, faults: int) -> None:
    imports = package_imports()
    imports[one].add(other)
    assert len(against_the_flow(imports)) == faults


# Contracts: where a person chooses other rerun triggers than our profile, a changed command of a rule runs it again.


@pytest.mark.parametrize(
    ("rule", "command"),
    [
        (
            "download",
            "python -m weightfit.hub.download --part {params.part:q} --folder {output.weights:q}"
            " --manifest {output.manifest:q} --log {log:q}",
        ),
        (
            "histogram",
            "python -m weightfit.part --manifest {input.manifest:q} --folder {input.weights:q}"
            " --output {output:q} --log {log:q} --architecture {params.architecture:q}",
        ),
    ],
)
def test_the_commands_that_fetch_and_count_weights_stay(rule: str, command: str) -> None:
    (found,) = [known for known in rules() if known.name == rule]
    assert found.shell == command
    module = command.split()[2]
    told = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=True
    )
    assert set(re.findall(r"--[a-z]+", command)) <= set(re.findall(r"--[a-z]+", told.stdout))


# Choices: the slug of every `# ASSUME slug: sentence` begins an item of docs/choices.md.


def test_each_choice_stands_in_the_manual() -> None:
    data = [REPOSITORY / "config.yaml", REPOSITORY / "Snakefile"]
    data += [
        *(REPOSITORY / "cohorts").glob("*.yaml"),
        REPOSITORY / "paper/exhibits.yaml",
        *(REPOSITORY / "workflow/rules").glob("*.smk"),
    ]
    in_code = {}
    for file in [*code("weightfit", "scripts"), *data]:
        for comment in re.findall(r"#[ ]*ASSUME\b(.*)", file.read_text()):
            slug = re.match(r" ([a-z0-9]+(?:-[a-z0-9]+)*): \S", comment)
            assert slug, f"{relative(file)}: '# ASSUME{comment}' is not of the form '# ASSUME slug: sentence'"
            in_code[slug[1]] = relative(file)
    explained = re.findall(r"^- `([a-z0-9-]+)`", (REPOSITORY / "docs/choices.md").read_text(), re.M)
    assert len(explained) == len(set(explained)), "docs/choices.md explains a choice twice"
    unexplained = {slug: file for slug, file in in_code.items() if slug not in explained}
    assert not unexplained, f"docs/choices.md does not explain {unexplained}"
    stale = set(explained) - in_code.keys()
    assert not stale, f"docs/choices.md explains {sorted(stale)}, which no ASSUME in the code names"


# Documents.


def absent(document: str) -> list[str]:
    """List the paths and tests that a Markdown text names and that do not exist.

    A word in backticks is a path if it has a slash or a known ending. `NN`, `_N`,
    `*` and `{word}` stand for anything. What a run makes and what is beside the checkout is passed over.
    """
    words = re.findall(r"(?<!`)`([^`\s]+)`(?!`)", document)
    found = []
    for word in words:
        path, _, test = word.partition("::")
        path = path.partition("#")[0].rstrip("/")
        ending = re.search(r"\.(py|smk|yaml|tsv|csv|md|toml|lock|in|cff|rst)$", path)
        if not (ending or "/" in path or test) or "://" in path:
            continue
        if (
            re.match(r"(results|resources|\.venv|\.snakemake|\.\.)(/|$)", path)
            and path != "results/README.md"
        ):
            continue
        pattern = re.sub(r"\{[^}]*\}|NN|(?<=_)N\b", "*", path)
        # A word with a slash that could not be a path of this checkout, such as a ratio or a list of choices.
        if not ending and not (REPOSITORY / pattern.split("/")[0]).exists():
            continue
        matches = list(REPOSITORY.glob(pattern))
        if not matches or (test and not any(f"def {test}(" in match.read_text() for match in matches)):
            found.append(word)
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_only_what_exists(name: str) -> None:
    assert absent((REPOSITORY / name).read_text()) == []


def test_what_a_document_names_and_does_not_exist_is_noticed() -> None:
    missing = ["weightfit/absent.py", "absent.yaml", "tests/test_house.py::test_absent", "envs/absent"]
    present = [
        "weightfit/errors.py",
        "envs/*.yaml",
        "results/offline/absent.csv",
        "q/k",
        "tests/test_house.py::absent",
    ]
    text = " ".join(f"`{word}`" for word in missing + present)
    assert absent(text) == missing


def test_the_citation_agrees_with_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (__version__, project["license"])
    assert (REPOSITORY / "LICENSE").read_text().startswith("MIT License")


def test_no_committed_file_is_large() -> None:
    sizes = {relative(file): file.stat().st_size for file in committed()}
    assert len(sizes) > 10
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}


def test_no_committed_file_names_a_place_on_one_machine() -> None:
    home = re.compile(rb"(?<![\w.])/(home|root|Users)/\w")
    assert [relative(file) for file in committed() if home.search(file.read_bytes())] == []


# Style and types: each tool as a person would run it.


@pytest.mark.parametrize(
    "command",
    [
        "ruff check .",
        "ruff format --check .",
        "snakefmt --check Snakefile workflow",
        "mypy --strict weightfit",
        "snakemake --lint",
    ],
)
def test_a_tool_has_nothing_to_say(command: str) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}"


def test_continuous_integration_is_the_two_commands() -> None:
    script = REPOSITORY / ".ci/run"
    assert os.access(script, os.X_OK)
    assert shutil.which("bash")
    assert re.findall(r"^make .*$", script.read_text(), re.M) == ["make all", "make test"]
