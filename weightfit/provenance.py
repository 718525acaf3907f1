"""Record the code, inputs and versions from which an output was made."""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from weightfit import documents
from weightfit.documents import data

PACKAGE = "weightfit"
DEPENDENCIES = ("numba", "numpy", "pyarrow", "scipy")


def _home() -> Path:
    """Return the folder that holds the package: the root of the checkout, or where the package is installed."""
    checkout = documents.ROOT / PACKAGE
    return (checkout if checkout.is_dir() else Path(documents.__file__).parent).resolve().parent


def modules(script: str | Path) -> list[str]:
    """List the modules of the repository that a file imports, directly or indirectly, without the file itself.

    Parameters
    ----------
    script
        A Python file, relative to the repository or absolute.

    Returns
    -------
    list of str
        Paths relative to the repository, sorted.
    """
    home = _home()
    start = (home / script).resolve()
    found: set[Path] = set()
    pending = [start]
    while pending:
        path = pending.pop()
        for imported in _imports(path):
            if imported not in found:
                found.add(imported)
                pending.append(imported)
    found.discard(start)
    return sorted(path.relative_to(home).as_posix() for path in found)


@cache
def _imports(path: Path) -> frozenset[Path]:
    files: set[Path] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.partition(".")[0] == PACKAGE:
                files |= _files(_home(), name)
    return frozenset(files)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement below a module; expressions, which are most of a tree, are not looked through."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(block, field, ()):
            yield node
            yield from _statements(node)


@cache
def _files(root: Path, name: str) -> frozenset[Path]:
    """Find the files of a module and of the packages around it, as far as they exist below a root folder."""
    package, _, _ = name.rpartition(".")
    folder = root / name.replace(".", "/")
    candidates = (folder / "__init__.py", folder.with_suffix(".py"))
    own = frozenset(path for path in candidates if path.is_file())
    return own | _files(root, package) if package else own


def sha256(path: Path) -> str:
    """Return the sha256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def contents(files: Iterable[str | Path]) -> str:
    """Return one digest over the names and contents of Python files of the repository, in any order."""
    home, digest = _home(), hashlib.sha256()
    for name in sorted({Path(file).as_posix() for file in files}):
        digest.update(f"{name}\0{sha256(home / name)}\n".encode())
    return digest.hexdigest()


def digests(names: Iterable[str]) -> dict[str, str]:
    """Return the sha256 of data files of the repository by their names: a rule's params, which its script reads."""
    return {name: sha256(data(name)) for name in names}


def code(*files: str) -> str:
    """Return one digest over Python files and all modules that they import: the ``code`` in a rule's params.

    A changed module therefore triggers only the rules that import it, and the age of a file triggers none.

    Parameters
    ----------
    *files
        Script of the rule, and modules that it loads by name at run time; paths relative to the repository.
    """
    return contents({name for file in files for name in (file, *modules(file))})


def provenance(
    rule: str, script: str, inputs: Mapping[str, Path], dependencies: Iterable[str] = DEPENDENCIES
) -> dict[str, object]:
    """Describe how an output is made; the description is the same for the same inputs on any machine.

    Parameters
    ----------
    rule
        Name of the Snakemake rule.
    script
        Its script or module, relative to the repository.
    inputs
        Path of each input by its name in the results folder.
    dependencies
        Distributions whose versions are recorded.

    Returns
    -------
    dict
        ``rule``, ``script``, ``code`` (digest of the script and the imported modules), ``inputs``
        (sha256 by name) and ``versions``.
    """
    return {
        "rule": rule,
        "script": script,
        "code": code(script),
        "inputs": {name: sha256(path) for name, path in sorted(inputs.items())},
        "versions": {name: version(name) for name in sorted(dependencies)},
    }
