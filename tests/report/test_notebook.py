"""Notebooks: what they say of any cohort, and that a page needs nothing and gives nothing away."""

import ast
import re
from functools import cache
from pathlib import Path

import full_cohort
import jupytext
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import weightfit
from weightfit import documents, paper, table
from weightfit.errors import ContractError
from weightfit.report.notebook import RESULTS, render
from weightfit.report.notebook_cells import Weights, read, say, show, tabulate, whose_weights
from weightfit.studies.ablation import ablation
from weightfit.studies.coupling import coupling
from weightfit.studies.drift import drift
from weightfit.studies.laws import laws
from weightfit.studies.scaling import scaling
from weightfit.studies.steady_state import Origin, steady_state, steady_state_lines
from weightfit.studies.theory import theory

FOLDER = Path(__file__).parents[2] / "workflow" / "notebooks"
PAGE = FOLDER / "page.html.j2"
ONE_MODEL = FOLDER / "one_model.py"
NOTEBOOKS = {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path != ONE_MODEL}
"""The notebooks about tables of a cohort; the other one is about the histograms of a few entries."""
OWN = {"peak_learning_rate": 1e-3, "weight_decay": 0.1, "steps": 1000}
PAPER = ("pythia-70m", "pythia-160m", "pythia-410m", "olmo-1-7b")
# By cohort: the entries of the paper whose form its entries have, their steps, and where their weights come from.
COHORTS = {
    "paper": (PAPER, (0, 512, 143000), lambda key: Origin(key, False, None, False, None)),
    "stand-ins": (PAPER[2:], (0, 143000), lambda key: Origin(key, True, None, False, OWN)),
    "other": (("qwen3-8b",), (143000,), lambda _: Origin(None, False, None, False, None)),
    "simulated": (("pythia-70m",), (0,), lambda key: Origin(None, False, key, False, None)),
}


def drawn(entry, number, step, block, component):
    """Draw a matrix whose scale grows with the step."""
    random = np.random.default_rng([number, block, len(component), ord(component[0])])
    sigma = (0.02 if component in "qkv" else 0.01) * (1 + number / 10) * (1 + np.log1p(step) / 12)
    return (sigma * random.standard_t(20, 32 * 32)).astype(np.float16)


def make_tables(cohort, folder):
    """Write every table that a notebook may read, from drawn weights on."""
    keys, steps, origin_of = COHORTS[cohort]
    folder.mkdir()
    (folder / "histograms").mkdir()
    paths, origins = [], {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(full_cohort, "steps_of", lambda entry: steps)
        patch.setattr(full_cohort, "weights", drawn)
        patch.setattr(full_cohort, "BLOCKS", 2)
        for number, key in enumerate(keys):
            name = f"own-{key}"
            origins[name] = origin_of(key)
            paths.append(folder / "histograms" / f"{name}.parquet")
            full_cohort.write_histograms(paths[-1], name, paper.entries()[key], number)
        made = full_cohort.fits(paths)
    published = {name: paper.training(name) for name in paper.conventions()}
    families = {
        f"own-{key}": paper.entries()[key].family for key in keys if origins[f"own-{key}"].paper_entry
    }
    made["theory"] = table.of_rows("theory", theory())
    made["ablation"] = ablation(made["fits"])
    made["drift"] = drift(made["fits"], [])
    made["scaling"] = scaling(made["fits"])
    made["steady_state"] = steady_state(made["scaling"], origins, published, paper.states())
    made["steady_state_lines"] = steady_state_lines(made["steady_state"], {"pythia": list(PAPER[:3])})
    made["coupling"] = coupling(made["fits"], groups=families, continued=[])
    made["laws"] = laws(paths, {name: {} for name in origins})
    for name, one in made.items():
        table.write(folder / f"{name}.parquet", name, one, {})
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Return a function that gives the folder with the tables of a cohort."""
    folder, made = tmp_path_factory.mktemp("cohorts"), {}

    def of(cohort):
        if cohort not in made:
            made[cohort] = make_tables(cohort, folder / cohort.replace("-", "_"))
        return made[cohort]

    return of


@cache
def results(name, folder):
    """Run the cells of a notebook in this process and return what the last expression of each gives, as HTML."""
    shown, space = [], {}
    with pytest.MonkeyPatch.context() as patch, mpl.rc_context():
        patch.setenv(RESULTS, str(folder))
        for cell in jupytext.read(FOLDER / f"{name}.py").cells:
            if cell.cell_type == "markdown":
                continue
            tree = ast.parse(cell.source)
            last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), space)  # noqa: S102 (a file of this repository)
            if last is not None:
                found = eval(compile(ast.Expression(last.value), name, "eval"), space)  # noqa: S307
                shown.append(found._repr_html_())
    return shown


def tables_read(name):
    """List the tables that a notebook reads."""
    calls = [node for node in ast.walk(ast.parse(NOTEBOOKS[name].read_text())) if isinstance(node, ast.Call)]
    return [
        call.args[0].value for call in calls if isinstance(call.func, ast.Name) and call.func.id == "read"
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
@pytest.mark.parametrize("cohort", COHORTS)
def test_a_notebook_says_of_any_cohort_whose_weights_it_is_about(name, cohort, tables):
    shown = results(name, tables(cohort))
    keys = COHORTS[cohort][0]
    assert ("STAND-IN: 2 small models" in shown[0]) == (cohort == "stand-ins")
    assert not any("STAND-IN" in one for one in shown[1:] if "<p" in one)
    words = {"paper": "The paper&#x27;s own", "other": "Outside of", "simulated": "Simulated"}
    if cohort in words:
        assert re.search(rf"<p>{words[cohort]}[^<]*: own-{keys[0]}", shown[0])
    main = len(keys) if cohort in ("paper", "stand-ins") else 0
    assert f"{main} of 12 entries; not in this cohort: " in shown[0]
    assert any("<figure>" in one for one in shown) or cohort == "simulated"
    assert not any(str(tables(cohort).parent) in one for one in shown)
    assert not any(re.search(r"\bnan\b", re.sub(r'src="[^"]*"', "", one)) for one in shown)


def test_a_cohort_that_lacks_what_a_notebook_is_about_is_told_so(tables):
    text = "".join(results("scale", tables("other")))
    for sentence in (
        "No entry of this cohort has more than one step.",
        "No group of this cohort has two entries with known hyperparameters.",
        "No family of this cohort has three points.",
        "Nothing to draw in this cohort.",
    ):
        assert sentence in text
    assert "no entry of the paper&#x27;s main cohort" in "".join(results("band", tables("other")))
    assert "no entry with attention matrices" in "".join(results("selection", tables("simulated")))


def test_models_are_analysed_and_compared(tables):
    shown = results("one_model", tables("stand-ins") / "histograms")
    keys = [f"own-{key}" for key in COHORTS["stand-ins"][0]]
    assert "".join(f"{key}, " for key in sorted(keys))[:-2] in shown[0]
    found = weightfit.analyze(tables("stand-ins") / f"histograms/{min(keys)}.parquet")
    assert found.headline in shown[1]
    assert "All " not in shown[4]
    assert (
        f"{weightfit.fit(np.random.default_rng(1).standard_normal((512, 512)).astype('f4')).shape:.4f}"
        in shown[-1]
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_shows_the_same_every_time(name, tables):
    assert results(name, tables("stand-ins")) == results.__wrapped__(name, tables("stand-ins"))


def test_numbers_of_a_notebook_are_those_of_the_tables(tables):
    rows = table.read(tables("paper") / "ablation.parquet", "ablation").to_pylist()
    medians = [
        row["shape_median"]
        for row in rows
        if (row["kind"], row["trim"], row["stage"]) == ("ffn", 0.80, "terminal")
    ]
    (spread,) = [one for one in results("band", tables("paper")) if "by sampling alone" in one]
    (after,) = re.findall(r"<tr>(?:(?!</tr>).)*>after<.*?</tr>", spread)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", after)
    inside = sum(1.186 <= one <= 1.204 for one in medians)  # the printed band
    assert cells[2:5] == [str(len(medians)), str(inside), f"{min(medians):.4f}"]
    assert cells[6] == f"{max(medians):.4f}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_prose_states_no_result(name):
    prose = [cell.source for cell in jupytext.read(NOTEBOOKS[name]).cells if cell.cell_type == "markdown"]
    assert prose[0].startswith("# ")
    assert not [found for text in prose for found in re.findall(r"\d+\.\d+|lab-\w+", text)]


# The page.

SOURCE = """
# %% [markdown]
# # A title & more
#
# Prose.

# %%
from weightfit.report.notebook_cells import read, say

say(f"{read('theory').num_rows} rows.")
"""


@pytest.fixture
def page(tmp_path, tables):
    """Return a function that renders a notebook given as text, and returns its page."""

    def run(text, given=("theory",)):
        source, output = tmp_path / "source.py", tmp_path / "page.html"
        source.write_text(text)
        render(source, [tables("simulated") / f"{name}.parquet" for name in given], PAGE, output)
        return output.read_text()

    return run


def test_a_page_is_whole_and_the_same_every_time(page, tables):
    first = page(SOURCE)
    assert first == page(SOURCE)
    assert "<title>A title &amp; more</title>" in first
    rows = table.read(tables("simulated") / "theory.parquet", "theory").num_rows
    assert f"<p>{rows} rows.</p>" in first
    assert "<summary>Code</summary>" in first
    assert not re.findall(r"<script|<link|https?://|url\(|@import|src=\"(?!data:)", first)
    assert first.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("cell", "law"),
    [
        ("1 / 0", r"a cell failed: ZeroDivisionError: division by zero; correct it"),
        ("import warnings\nwarnings.warn('old')", r"a cell warns: .*old"),
        ("import os\nprint(os.getcwd())", r"would name the local folder"),
        ("from weightfit.report.notebook_cells import read\nread('fits')", r"fits.parquet: .* list it in"),
    ],
)
def test_a_page_that_would_mislead_is_not_written(page, tmp_path, cell, law):
    with pytest.raises(ContractError, match=f"^source.py: (?s:.*){law}"):
        page(f"# %%\n{cell}\n")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_finds_what_it_reads(name):
    assert tables_read(name)
    for one in tables_read(name):
        assert documents.schema(one).is_file()


# What cells use.


def test_a_table_is_looked_for_where_the_environment_says(monkeypatch):
    monkeypatch.delenv(RESULTS, raising=False)
    with pytest.raises(ContractError, match="WEIGHTFIT_RESULTS is not set"):
        read("theory")


def test_text_is_escaped_and_stand_ins_alarm():
    shown = say("a < b", "STAND-IN: c")._repr_html_()
    assert shown == '<p>a &lt; b</p><p class="alarming">STAND-IN: c</p>'


def test_a_table_has_words_on_the_left_and_dashes_for_what_is_missing():
    frame = pd.DataFrame({"name": ["a", "b"], "share": [0.12345, float("nan")], "count": [1, 2]})
    shown = tabulate(frame, digits=2)._repr_html_()
    assert '<th class="words">name</th><th>share</th>' in shown
    assert '<tr><td class="words">a</td><td>0.12</td><td>1</td></tr>' in shown
    assert '<tr><td class="words">b</td><td>–</td><td>2</td></tr>' in shown
    assert tabulate(frame[:0], empty="None.")._repr_html_() == "<p>None.</p>"


def test_entries_come_in_the_papers_order_and_others_last(tables):
    rows = table.read(tables("paper") / "steady_state.parquet", "steady_state").to_pylist()
    known = {"z": ("stand_in", "olmo-1-7b"), "y": ("paper", "pythia-70m"), "x": ("initialization", "pythia-70m"),
             "w": ("other", None), "v": ("paper", "qwen2-7b")}  # fmt: skip
    made = [
        rows[0] | {"entry": entry, "weights": kind, "paper_entry": key}
        for entry, (kind, key) in sorted(known.items())
    ]
    built = table.of_rows("steady_state", made)
    found = whose_weights(built)
    assert list(found.kind) == ["y", "z", "v", "x", "w"]
    assert found.stand_ins == ["z"]
    assert found.main == {"pythia-70m": "y", "olmo-1-7b": "z"}
    assert found.in_order(["w", "v", "w", "unknown"]) == ["v", "w"]


@pytest.mark.parametrize("kind", ["paper", "stand_in"])
def test_a_picture_of_stand_ins_says_so_in_itself(kind):
    drawn = []

    def draw(rows):
        drawn.append(plt.subplots()[0])
        return drawn[0]

    shown = show(
        draw, pd.DataFrame({"a": [1]}), "What < it shows.", Weights({"e": kind}, {"e": "pythia-70m"})
    )
    assert bool(drawn[0].get_suptitle()) == (kind == "stand_in")
    assert "<figcaption>What &lt; it shows.</figcaption>" in shown._repr_html_()
    assert 'alt="What &lt; it shows." src="data:image/png;base64,iVBOR' in shown._repr_html_()
    assert not plt.get_fignums()
