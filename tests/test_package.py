"""The wheel and the sdist: what they hold, and that the wheel works with its base requirements alone."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from safetensors.numpy import save_file

from weightfit import __version__, documents, provenance

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = ("cohorts", "config.yaml", "paper", "workflow/report", "workflow/schemas")


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in another folder than the checkout, and return what it printed."""
    result = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        # A Snakefile that another test read in this process gave its jobs the package of the checkout.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "hatchling", "build", "--directory", folder, folder=REPOSITORY)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def files(*names: str) -> dict[str, bytes]:
    """Return the contents of files of the checkout, those that Python makes left out, by their paths in it."""
    paths = [
        path
        for name in names
        for path in ([REPOSITORY / name] if (REPOSITORY / name).is_file() else (REPOSITORY / name).rglob("*"))
    ]
    return {
        path.relative_to(REPOSITORY).as_posix(): path.read_bytes()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts
    }


# What they hold.


def test_a_wheel_holds_the_package_and_its_data_and_nothing_else(wheel: Path) -> None:
    information = f"weightfit-{__version__}.dist-info"
    expected = files("weightfit")
    expected |= {f"weightfit/data/{name}": content for name, content in files(*DATA).items()}
    with zipfile.ZipFile(wheel) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    own = {name for name in found if name.startswith(information)}
    assert {name: content for name, content in found.items() if name not in own} == expected
    assert "weightfit/py.typed" in found
    assert found[f"{information}/licenses/LICENSE"] == (REPOSITORY / "LICENSE").read_bytes()
    assert b"weightfit = weightfit.__main__:command" in found[f"{information}/entry_points.txt"]


def test_an_sdist_holds_a_checkout_without_tests_and_results(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    top = f"weightfit-{__version__}"
    with tarfile.open(path) as archive:
        found = {
            member.name.removeprefix(f"{top}/"): archive.extractfile(member).read()
            for member in archive
            if member.isfile()
        }
    needed = files(
        *DATA, "weightfit", "workflow", "scripts", "envs", "Snakefile", "LICENSE", "pyproject.toml"
    )
    assert {name: found.get(name) for name in needed} == needed
    assert not [
        name
        for name in found
        if re.match(r"(tests|results|resources|docs|\.)", name) and name != ".gitignore"
    ]


def test_the_data_of_a_checkout_stand_before_a_stale_copy_of_them(tmp_path: Path) -> None:
    package = tmp_path / "weightfit"
    (package / "data/paper").mkdir(parents=True)
    assert documents.root(package) == package / "data"
    (tmp_path / "Snakefile").touch()
    assert documents.root(package) == tmp_path


# The environment of the checkout.


def test_the_environment_imports_its_own_checkout(tmp_path: Path) -> None:
    code = "from weightfit.documents import data; print(data('paper/entries.tsv'))"
    assert run(sys.executable, "-c", code, folder=tmp_path) == f"{REPOSITORY / 'paper/entries.tsv'}\n"
    # A copy of the checkout with its .venv then imports the copy.
    (path,) = distribution("weightfit").locate_file("").glob("*weightfit.pth")
    assert path.read_text() == "../../../..\n"
    assert "usage" in run(Path(sys.executable).with_name("weightfit"), "--help", folder=tmp_path).lower()


# The wheel with its base requirements.


def closure() -> set[str]:
    """Return the base requirements of the package and all that they require, by their names."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    pending = list(map(Requirement, project["dependencies"]))
    found = set()
    while pending:
        requirement = pending.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        assert not requirement.extras, requirement
        name = distribution(requirement.name).metadata["Name"]
        if name not in found:
            found.add(name)
            pending += map(Requirement, distribution(name).requires or ())
    return found


def link(names: set[str], folder: Path) -> None:
    """Link installed distributions into another environment; what is linked must be theirs alone."""
    owners = packages_distributions()
    for name in names:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files} - {"..", "__pycache__"}:
            assert owners.get(top.removesuffix(".py"), [name]) == [name], top
            (folder / top).symlink_to(found.locate_file(top))


def checkpoint(folder: Path) -> Path:
    """Write a checkpoint of one block of the Llama type."""
    shapes = {"self_attn": ("q k v o", (8, 8)), "mlp": ("gate up", (12, 8))}
    generator = np.random.default_rng(0)
    tensors = {
        f"model.layers.0.{part}.{name}_proj.weight": generator.standard_normal(shape)
        for part, (names, shape) in shapes.items()
        for name in names.split()
    }
    tensors["model.layers.0.mlp.down_proj.weight"] = generator.standard_normal((8, 12))
    folder.mkdir()
    save_file(
        {name: values.astype(np.float32) for name, values in tensors.items()}, folder / "model.safetensors"
    )
    return folder


def prove(environment: Path, wheel: Path, folder: Path) -> None:
    """Install the wheel without what it requires, and assert that it fits a checkpoint there as the checkout does."""
    python = environment / "bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, folder=folder)
    assert "usage" in run(environment / "bin/weightfit", "--help", folder=folder).lower()
    source = checkpoint(folder / "model")
    fits = run(python, "-m", "weightfit", source, folder=folder)
    assert fits == run(sys.executable, "-m", "weightfit", source, folder=folder)
    assert "7 matrices" in fits
    code = (
        "from weightfit import __version__, documents, paper, provenance;"
        "print(__version__, len(paper.entries()), provenance.code('weightfit/part.py'), documents.ROOT)"
    )
    told = run(python, "-c", code, folder=folder).split()
    assert told[:3] == [__version__, "20", provenance.code("weightfit/part.py")]
    assert Path(told[3]).is_relative_to(environment)


def test_the_wheel_fits_a_checkpoint_with_its_base_requirements_alone(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # To compile the kernels anew takes a minute.
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment, folder=tmp_path)
    (site,) = environment.glob("lib/python3.*/site-packages")
    link(closure(), site)
    prove(environment, wheel, tmp_path)


@pytest.mark.full
def test_pip_installs_the_wheel_with_its_base_requirements(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment, folder=tmp_path)
    lock = (REPOSITORY / "envs/requirements.lock").read_text()
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in closure()}
    entries = [entry for entry in re.split(r"\n(?=\S)", lock) if re.match(r"[a-z0-9-]+", entry)[0] in names]
    (tmp_path / "base.lock").write_text("\n".join(entries))
    pip = (environment / "bin/python", "-m", "pip")
    run(*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", "base.lock", folder=tmp_path)
    prove(environment, wheel, tmp_path)
    run(*pip, "check", folder=tmp_path)
