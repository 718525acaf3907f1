"""The import closure on a synthetic package and on this one; digests that follow every byte that matters."""

import hashlib
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from weightfit import documents, provenance

FILES = {
    "scripts/use.py": "import json\nfrom weightfit.a import thing\n",
    "scripts/alone.py": "import numpy\nimport weightfitness\n",
    "scripts/late.py": "def f():\n    import weightfit.deep.leaf as leaf\n    return leaf\n",
    "scripts/name.py": "from weightfit import c, deep\n",
    "scripts/circle.py": "import weightfit.circle_1\n",
    "scripts/star.py": "from weightfit.a import *\n",
    "weightfit/__init__.py": "",
    "weightfit/a.py": "from weightfit import b\nfrom weightfit.deep import leaf\nthing = 1\n",
    "weightfit/b.py": "if True:\n    from weightfit.c import name\n",
    "weightfit/c.py": "import os\nname = 'weightfit.d'\n",
    "weightfit/d.py": "",
    "weightfit/circle_1.py": "import weightfit.circle_2\n",
    "weightfit/circle_2.py": "from weightfit import circle_1\n",
    "weightfit/deep/__init__.py": "from weightfit.d import *\n",
    "weightfit/deep/leaf.py": "",
}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("use.py", "__init__ a b c d deep/__init__ deep/leaf"),
        ("alone.py", ""),
        ("late.py", "__init__ d deep/__init__ deep/leaf"),
        ("name.py", "__init__ c d deep/__init__"),
        ("circle.py", "__init__ circle_1 circle_2"),
        ("star.py", "__init__ a b c d deep/__init__ deep/leaf"),
    ],
)
def test_the_closure_of_imports(repository, script, expected):
    found = [f"weightfit/{name}.py" for name in expected.split()]
    assert provenance.modules(f"scripts/{script}") == found
    assert provenance.modules(repository / "scripts" / script) == found


def test_a_module_is_not_in_its_own_closure(repository):
    assert provenance.modules("weightfit/circle_1.py") == ["weightfit/__init__.py", "weightfit/circle_2.py"]


ROOT = documents.ROOT
LOADED = """
import runpy, sys
sys.path.insert(0, '.')
runpy.run_path(sys.argv[1], run_name='not main')
files = {m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'weightfit'}
print('\\n'.join(sorted(files)))
"""


@pytest.mark.parametrize(
    "script, module",
    [("scripts/fit.py", "weightfit/fits/fit.py"), ("scripts/scaling.py", "weightfit/components.py")],
)
def test_the_closure_of_a_script_is_what_python_loads(script, module):
    """Python's own import system is the judge; imports inside functions may add to the closure."""
    output = subprocess.run(
        [sys.executable, "-c", LOADED, script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    loaded = {Path(line).resolve().relative_to(ROOT).as_posix() for line in output.split("\n") if line}
    found = provenance.modules(script)
    assert found == sorted(found)
    assert loaded <= set(found)
    assert {"weightfit/__init__.py", "weightfit/table.py", module} <= loaded
    assert set(found) - loaded == set()


def test_digests_follow_contents_and_names(repository):
    files = ["weightfit/a.py", "weightfit/b.py"]
    first = provenance.contents(files)
    assert provenance.contents([*reversed(files), Path("weightfit/a.py")]) == first
    (repository / "weightfit/b.py").write_text(FILES["weightfit/b.py"] + "\n")
    assert provenance.contents(files) != first
    (repository / "weightfit/b.py").write_text(FILES["weightfit/b.py"])
    assert provenance.contents(files) == first
    (repository / "weightfit/e.py").write_text(FILES["weightfit/b.py"])
    assert provenance.contents(["weightfit/a.py", "weightfit/e.py"]) != first
    assert provenance.sha256(repository / "weightfit/a.py") == (
        hashlib.sha256(FILES["weightfit/a.py"].encode()).hexdigest()
    )


def test_provenance_says_all_and_nothing_of_this_machine(repository):
    inputs = {
        "fits/b.parquet": repository / "weightfit/b.py",
        "fits/a.parquet": repository / "weightfit/a.py",
    }
    made = provenance.provenance("fit", "scripts/use.py", inputs)
    assert (made["rule"], made["script"]) == ("fit", "scripts/use.py")
    assert made["inputs"] == {name: provenance.sha256(path) for name, path in sorted(inputs.items())}
    assert list(made["inputs"]) == sorted(inputs)
    assert made["versions"] == {name: version(name) for name in ("numba", "numpy", "pyarrow", "scipy")}
    assert str(repository) not in json.dumps(made)
    (repository / "weightfit/d.py").write_text("x = 1\n")  # the last module of the closure
    assert provenance.provenance("fit", "scripts/use.py", inputs)["code"] != made["code"]
