"""The page of a model: what it says, in its order, escaped, by itself, and the same each time."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from analysed import BLOCKS, arrays, odd_model
from jinja2 import UndefinedError
from safetensors.numpy import save_file

import weightfit
from weightfit.analysis.around import Neighbour
from weightfit.analysis.figures import _apart
from weightfit.analysis.page import render, write_page
from weightfit.documents import ROOT


@pytest.fixture(scope="module")
def found():
    return odd_model()


@pytest.fixture(scope="module")
def text(found):
    around = [Neighbour("lab-x", True, {"q": 1.1, "ffn_in": 1.19}), Neighbour("a & b", False, {"q": 1.2})]
    return render([found], around=around)


class Outline(HTMLParser):
    """Collects headings, and complains of elements that are not closed in their order."""

    VOID = ("meta", "path", "use", "br", "img", "rect", "link")

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.ids = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def test_chapters_stand_in_their_order(text):
    outline = Outline(text)
    assert outline.headings == [
        "odd <model>",
        "Shape by block",
        "Scale by block",
        "Density of the magnitudes",
        "Outliers by block",
        "The paper’s claims, asked of this model",
        "Among other models",
        "Kinds of matrices",
    ]
    assert len(outline.ids) == len(set(outline.ids))


def test_it_leads_with_the_sentence_and_says_how_it_was_found(found, text):
    assert found.headline.startswith("Unusual: no Weibull law fits in q of block 4")
    assert f'<p class="lead">{found.headline}</p>' in text
    assert "R² of the probability plot is below 0.99" in text
    assert "exceeds 27.7 times the 99 % quantile" in text
    assert f"{BLOCKS * 7} matrices in {BLOCKS} blocks" in text


def test_the_band_is_for_ffn_matrices_and_the_lawless_matrix_is_named_in_the_figure(text):
    panels = dict(re.findall(r"<h4>(\w+)</h4>(.*?)</figure>", text.split("Scale by block")[0], re.S))
    assert ">printed band</text>" in panels["FFN"]
    assert "printed band" not in panels["Attention"]
    assert ">q 4: no law</text>" in panels["Attention"]
    assert ">o 2</text>" in panels["Attention"]
    assert all(">Gaussian</text>" in panel for panel in panels.values())


def test_densities_tell_the_second_population(text):
    densities = text.split("Density of the magnitudes")[1].split("Outliers by block")[0]
    notes = dict(
        re.findall(r"<h4>(\w+)</h4>(?:(?!</figure>).)*<figcaption>(.*?)</figcaption>", densities, re.S)
    )
    assert notes == {"q": "a second population in block 4"}
    assert densities.count("var(--shade)") == 1


def test_claims_are_answered_or_it_is_said_how_to_ask_them(found, text):
    assert "Of 14 questions" in text
    assert (
        text.count('class="holds"') + text.count('class="does-not-hold"') + text.count("cannot-be-asked")
        == 14
    )
    bare = render([replace(found, measured=replace(found.measured, evidence=None))])
    assert "weightfit.analyze(source, claims=True)" in bare
    assert "Of 14 questions" not in bare
    assert "Among other models" not in bare


def test_it_escapes_what_is_strange_and_asks_nobody(text):
    assert "<model>" not in text
    assert "odd &lt;model&gt;" in text
    assert "a &amp; b" in text
    assert not re.search(r'(?:src|href)="(?!#)|url\((?!#)|@import|<script|<link', text)
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_colours_are_those_of_the_page(text):
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.S))
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", drawn)) == set()
    assert not re.search(r"#[0-9a-f]{6}", drawn)


def test_models_have_chapters_and_stand_in_for_others(found):
    stand_in = replace(found, model=replace(found.model, name="lab-y", stands_for="Pythia-70m"))
    text = render([found, stand_in], "both", missing={"z": "a/b is gated (401); accept the licence"})
    outline = Outline(text)
    assert outline.headings == ["both", "odd <model>", "lab-y"]
    assert len(outline.ids) == len(set(outline.ids))
    assert text.count('<p class="band" role="note"><strong>STAND-IN</strong> for Pythia-70m') == 1
    assert "<strong>No weights were available</strong> of z: a/b is gated (401); accept the licence." in text
    assert text.count("Among other models") == 2


def test_a_page_of_a_file_names_no_path_and_is_the_same_again(tmp_path):
    folder = tmp_path / "secret place"
    folder.mkdir()

    save_file(arrays(), folder / "m&m.safetensors")
    pages = []
    for name in ("one.html", "other.html"):
        weightfit.analyze(folder / "m&m.safetensors", claims=True).page(tmp_path / name)
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    page = pages[0].decode()
    assert "secret" not in page
    assert str(tmp_path) not in page
    assert "<h1>m&amp;m</h1>" in page
    assert str(ROOT) not in page


def test_a_page_that_cannot_be_made_leaves_nothing(found, tmp_path):
    broken = replace(found, model=replace(found.model, left_out="no mapping"))
    with pytest.raises(UndefinedError):
        write_page(tmp_path / "page.html", [broken])
    assert list(tmp_path.iterdir()) == []


def test_names_at_the_side_do_not_overlap():
    moved = _apart([0.5, 0.51, 0.1, 0.99, 1.0], 0.07)
    ordered = sorted(moved)
    assert min(b - a for a, b in pairwise(ordered)) >= 0.07 - 1e-9
    assert max(ordered) <= 1 + 1e-9
    assert moved[2] == 0.1
    assert sum(moved[:2]) / 2 == pytest.approx(0.505)
