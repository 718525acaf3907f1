"""The locked environment, the conda environments and what the code imports say the same."""

import ast
import csv
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml
from snakefile import REPOSITORY, rules

from weightfit.provenance import modules

ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))
# A distribution that is pinned because the other one loads it, not because a script names it.
LOADED_BY = {"jaxlib": "jax", "ipykernel": "nbclient"}
# What each extra of pyproject.toml is for; all else gets along with the base requirements.
PARTS = {
    "hub": ("weightfit/hub/", "weightfit/analysis/hub.py"),
    "lab": ("weightfit/lab/",),
    "workflow": (
        "scripts/",
        "workflow/notebooks/",
        "weightfit/exhibits/table.py",
        "weightfit/report/notebook.py",
        "weightfit/report/notebook_cells.py",
    ),
}
# What `snakemake` and its reports need, which no Python file of ours imports.
OF_THE_SNAKEFILE = {"snakemake", "pygments"}
# What these two import runs in an environment of its own, from envs/peers.lock.
PEERS = {"weightwatcher"}
WITH_PEERS = ("peer_work.py", "certify_tails.py")


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def locked() -> dict[str, str]:
    """Read the version of each distribution in the lock."""
    text = (REPOSITORY / "envs/requirements.lock").read_text()
    return dict(re.findall(r"^([a-z0-9][a-z0-9-]*)==([^\s;]+)", text, re.MULTILINE))


@cache
def required() -> dict[str, str | None]:
    """Read the distributions that this repository asks for by name, with their pin if they have one."""
    pins: dict[str, str | None] = {}
    for line in (REPOSITORY / "envs/requirements.in").read_text().splitlines():
        name, _, pin = line.partition("==")
        assert re.fullmatch(r"[a-z0-9-]+", name), (
            f"requirements.in: {line!r} is not 'name' or 'name==version'"
        )
        pins[name] = pin or None
    return pins


@cache
def conda_names() -> dict[str, str]:
    """Read the names on conda-forge that differ from those on PyPI: conda name to PyPI name."""
    with (REPOSITORY / "envs/conda_names.tsv").open(newline="") as file:
        return {row["conda_forge"]: row["name"] for row in csv.DictReader(file, delimiter="\t")}


@cache
def pins(environment: Path) -> dict[str, str]:
    """Read the pins of a conda environment under their names on PyPI, `python` included."""
    found = {}
    for entry in yaml.safe_load(environment.read_text())["dependencies"]:
        if isinstance(entry, dict):
            for line in entry["pip"]:
                match = re.fullmatch(r"([a-z0-9-]+)==([0-9][\w.]*)", line)
                assert match, f"{environment.name}: {line!r} is not 'name==version'"
                found[match[1]] = match[2]
        else:
            match = re.fullmatch(r"([a-z0-9_-]+)=([0-9][\w.]*)", entry)
            assert match, f"{environment.name}: {entry!r} is not 'name=version'"
            found[conda_names().get(match[1], match[1])] = match[2]
    return found


@cache
def distributions() -> dict[str, str]:
    """Find the distribution that brings each module of the environment."""
    return {module: normalized(names[0]) for module, names in packages_distributions().items()}


@cache
def helpers() -> set[str]:
    """Find the modules of the tests, which stand beside a test or in a folder that it puts on its path."""
    return {entry.stem for entry in (REPOSITORY / "tests").rglob("*.py")}


@cache
def imports(path: Path) -> frozenset[str]:
    """Find the distributions that one Python file imports, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(str(node.module).partition(".")[0])
    beside = helpers() if "tests" in path.parts else set()
    outside = names - sys.stdlib_module_names - beside - {"weightfit"}
    outside -= PEERS if path.name in WITH_PEERS else set()
    unknown = outside - distributions().keys()
    assert not unknown, f"{path.name} imports {sorted(unknown)}, which the locked environment does not have"
    return frozenset(distributions()[name] for name in outside)


def entry_points() -> dict[str, tuple[Path, Path]]:
    """Find the Python file that each rule starts, and the environment it starts it in."""
    found = {}
    for rule in rules():
        command = re.search(r"python -m (weightfit[\w.]*)", rule.shell or "")
        if rule.script:
            found[rule.name] = (rule.script, rule.environment)
        elif command:
            module = REPOSITORY / command[1].replace(".", "/")
            start = module / "__main__.py" if module.is_dir() else module.with_suffix(".py")
            found[rule.name] = (start, rule.environment)
    return found


@cache
def needed(start: Path) -> frozenset[str]:
    """Find the distributions that a file and the modules of the package behind it import, or read as text."""
    # What these two find by name only.
    found = {
        "notebook": ("workflow/notebooks/*.py", "weightfit/analysis/compare.py"),
        "exhibit": (
            "weightfit/exhibits/*/*.py",
            "weightfit/exhibits/figure.py",
            "weightfit/exhibits/table.py",
        ),
    }.get(start.stem, ())
    starts = [start, *sorted(path for pattern in found for path in REPOSITORY.glob(pattern))]
    files = {*starts, *(REPOSITORY / module for one in starts for module in modules(one))}
    read = yaml.safe_load((REPOSITORY / "cohorts/offline.yaml").read_text())["corpus"]["packages"]
    return frozenset().union(
        *(imports(file) for file in sorted(files)), read if start.stem == "corpus" else ()
    )


def test_the_lock_has_what_requirements_in_asks_for() -> None:
    for name, pin in required().items():
        assert name in locked(), f"{name}: not in requirements.lock; make lock"
        assert pin in (None, locked()[name]), (
            f"{name}: locked at {locked()[name]}, asked for {pin}; make lock"
        )


def test_each_locked_distribution_has_a_digest_and_no_host() -> None:
    text = (REPOSITORY / "envs/requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) == len(locked())
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"no digest: {entry.splitlines()[0]}"


def test_no_file_of_the_start_up_names_a_host() -> None:
    files = [*(REPOSITORY / "envs").iterdir(), *(REPOSITORY / "profiles").rglob("*.yaml")]
    for file in [*files, REPOSITORY / "Makefile", REPOSITORY / ".ci/run"]:
        for word in ("://", "index-url", "find-links"):
            assert word not in file.read_text(), f"{file.relative_to(REPOSITORY)} holds {word!r}"


def test_the_installed_environment_is_the_locked_one() -> None:
    installed = {name: version(name) for name in required()}
    assert installed == {name: locked()[name] for name in required()}
    check = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout


def test_everything_imported_is_a_requirement() -> None:
    for folder in ("weightfit", "scripts", "tests"):
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            missing = imports(file) - required().keys()
            assert not missing, (
                f"{file.relative_to(REPOSITORY)} imports {sorted(missing)}: add to requirements.in"
            )


@cache
def declared() -> dict[str, dict[str, str]]:
    """Read the requirements of pyproject.toml, base and extras, with their bounds by name."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    found = {}
    for part, lines in {"base": project["dependencies"], **project["optional-dependencies"]}.items():
        parsed = [re.fullmatch(r"([a-z0-9-]+)((?:==|>=)[0-9.]+)", line) for line in lines if "[" not in line]
        found[part] = {match[1]: match[2] for match in parsed}
    return found


def test_each_part_of_the_package_finds_its_imports_in_its_requirements() -> None:
    read = yaml.safe_load((REPOSITORY / "cohorts/offline.yaml").read_text())["corpus"]["packages"]
    used: dict[str, set[str]] = {
        "base": set(),
        "hub": set(),
        "lab": set(map(normalized, read)),
        "workflow": set(),
    }
    for folder in ("weightfit", "scripts", "workflow/notebooks"):
        for file in sorted((REPOSITORY / folder).rglob("*.py")):
            name = file.relative_to(REPOSITORY).as_posix()
            used[next((part for part, places in PARTS.items() if name.startswith(places)), "base")] |= (
                imports(file)
            )
    base = declared()["base"].keys()
    used["workflow"] |= OF_THE_SNAKEFILE
    used["workflow"] |= {name for name, loader in LOADED_BY.items() if loader in used["workflow"]}
    assert used.pop("base") <= base
    assert {part: names - base for part, names in used.items()} == {
        part: declared()[part].keys() for part in used
    }


def test_the_least_versions_are_those_that_are_tested() -> None:
    for part, requirements in declared().items():
        for name, bound in requirements.items():
            tested = locked()[name]
            least = re.match(r"\d+\.\d+", tested)[0]
            assert bound in (f">={least}", f"=={tested}"), f"{part}: {name}{bound}, but {tested} is locked"


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_a_conda_environment_agrees_with_the_lock(environment: Path) -> None:
    assert yaml.safe_load(environment.read_text())["channels"] == ["conda-forge", "nodefaults"]
    expected = {name: locked().get(name) for name in pins(environment)} | {"python": "3.11"}
    assert pins(environment) == expected


def test_the_table_of_conda_names_has_no_row_too_many() -> None:
    used = set().union(*(pins(environment) for environment in ENVIRONMENTS))
    for conda_name, name in conda_names().items():
        assert conda_name != name, f"conda_names.tsv: {name} has the same name on conda-forge"
        assert name in used, f"conda_names.tsv: no environment pins {name}"


def test_each_rule_finds_its_imports_in_its_environment() -> None:
    starts = entry_points()
    assert starts, "no rule starts a Python file: these tests read the Snakefile wrongly"
    for name, (start, environment) in starts.items():
        missing = needed(start) - pins(environment).keys()
        assert not missing, f"rule {name} imports {sorted(missing)}, which {environment.name} does not pin"


def test_each_pin_is_needed_by_a_rule() -> None:
    for environment in ENVIRONMENTS:
        starts = [start for start, used in entry_points().values() if used == environment]
        assert starts, f"no rule uses {environment.name}"
        names = set().union(*(needed(start) for start in starts))
        names |= {name for name, loader in LOADED_BY.items() if loader in names} | {"python"}
        idle = pins(environment).keys() - names
        assert not idle, f"{environment.name} pins {sorted(idle)}, which no rule that uses it imports"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder with what the start-up reads, and with a lock that nothing was installed from."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "envs").mkdir()
    shutil.copy(REPOSITORY / "envs/install", tmp_path / "envs")
    (tmp_path / "envs/requirements.lock").write_text("setuptools==1\n")
    return tmp_path


def program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # A make that runs these tests would make the one below a part of itself.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("version", ["CPython 2.7.18", "CPython 3.10.13", "CPython 3.14.0", "PyPy 3.11.9"])
def test_another_python_is_refused_by_name(checkout: Path, version: str) -> None:
    python = program(checkout / "another", f"echo '{version}'")
    result = run(checkout, "bash", "envs/install", str(python))
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        f"weightfit: '{python}' is {version}; weightfit needs CPython 3.11, 3.12 or 3.13: "
        "make all PYTHON=/path/to/python3.12"
    ]
    assert not (checkout / ".venv").exists()


def test_a_path_with_a_space_is_refused(checkout: Path) -> None:
    folder = checkout.rename(checkout.with_name("with space"))
    result = run(folder, "bash", "envs/install", sys.executable)
    assert result.returncode == 1
    assert "holds a space" in result.stdout
    assert len(result.stdout.splitlines()) == 1


def test_a_failed_make_all_ends_with_the_name_of_its_log(checkout: Path) -> None:
    result = run(checkout, "make", "all", "PYTHON=no-such-python")
    assert result.returncode != 0
    assert result.stdout.splitlines()[-1].endswith("make all failed; its log is make-all.log.  Stop.")
    log = (checkout / "make-all.log").read_text()
    assert "'no-such-python' is not a Python that runs" in log
    assert log.splitlines()[-1] == "make all failed with exit status 1"


def installed(checkout: Path) -> Path:
    """Pretend that an installation of CPython 3.12.1 was finished; its pip refuses every call."""
    python = program(
        checkout / ".venv/bin/python",
        '[ "$1" = -c ] && { echo "CPython 3.12.1"; exit; }',
        "echo no pip here; exit 3",
    )
    lock = (checkout / "envs/requirements.lock").read_text()
    (checkout / ".venv/origin").write_text(f"{checkout}\n{lock}")
    return python


def test_a_fresh_environment_is_left_alone(checkout: Path) -> None:
    installed(checkout)
    result = run(checkout, "bash", "envs/install", "no-such-python")
    assert (result.returncode, result.stdout) == (0, "")


def test_a_named_python_of_another_version_makes_it_anew(checkout: Path) -> None:
    installed(checkout)
    other = program(checkout / "other", "echo 'CPython 3.10.1'")
    result = run(checkout, "bash", "envs/install", str(other), "named")
    assert result.returncode == 1
    assert "is CPython 3.10.1" in result.stdout


@pytest.mark.parametrize("change", ["lock", "place", "interpreter"])
def test_a_stale_or_interrupted_installation_is_made_again(checkout: Path, change: str) -> None:
    python = installed(checkout)
    if change == "lock":
        (checkout / "envs/requirements.lock").write_text("setuptools==2\n")
    elif change == "place":
        checkout = checkout.rename(checkout.with_name("moved"))
    else:
        python.unlink()
    # This python makes an environment whose pip fails: what an interrupted download leaves behind.
    maker = program(
        checkout / "maker",
        'case "$*" in',
        '"-c import platform"*) echo "CPython 3.12.1" ;;',
        f'"-c import os"*) echo "{checkout}/maker" ;;',
        '"-m venv .venv") mkdir -p .venv/bin; printf "#!/bin/sh\\nexit 3\\n" > .venv/bin/python',
        "chmod +x .venv/bin/python ;;",
        "esac",
    )
    for _ in range(2):
        result = run(checkout, "bash", "envs/install", str(maker))
        assert result.returncode == 3
        assert "installing envs/requirements.lock" in result.stdout
        assert not (checkout / ".venv/origin").exists()


def test_make_help_lists_every_goal(checkout: Path) -> None:
    text = (checkout / "Makefile").read_text()
    goals = set(re.findall(r"^([a-z-]+):(?!=)", text, re.MULTILINE)) - {"workflow"}
    listed = set(re.findall(r"^make ([a-z-]+) ", run(checkout, "make", "help").stdout, re.MULTILINE))
    assert {"all", "test", "test-full", "bench", "lock", "clean"} <= goals
    assert listed == goals
