"""The page says what the run left, leads from a number to the bytes, and asks nobody for anything."""

import base64
import hashlib
import html
import itertools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from markupsafe import escape
from page_run import ENTRY, FILE, HOSTILE, MEASURED, NOTHING_SEARCHED, SAID, make_run, page

from weightfit import paper, table
from weightfit.audit import summary
from weightfit.audit.database.search import PRINTED, TOGETHER
from weightfit.errors import ContractError
from weightfit.report import exhibits as shown_exhibits
from weightfit.report import numbers
from weightfit.report.page import Run, anchor, by_sort, read
from weightfit.table import write_csv

VOID = {"meta", "link", "input"}


class Elements(HTMLParser):
    """Lists every element with its attributes, and checks that what is opened is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert len(dict(attributes)) == len(attributes), f"{tag} has an attribute twice"
        self.found.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def values(self, *names: str) -> list[str]:
        return [attributes[name] for _, attributes in self.found for name in names if name in attributes]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def text(run: Run) -> str:
    return page(run)


@pytest.fixture(scope="module")
def elements(text: str) -> Elements:
    return Elements(text)


def part(text: str, key: str) -> str:
    """Return what stands between an id and the next number, table or part of the page."""
    start = text.index(f' id="{key}"')
    ends = [text.find(end, start) for end in ("</tbody>", "</details>\n<details", "</section>")]
    return html.unescape(text[start : min(end for end in ends if end > 0)])


def test_the_same_run_gives_the_same_bytes(run: Run, text: str) -> None:
    assert page(run) == text


def test_every_printed_number_is_there_once(elements: Elements) -> None:
    found = [attributes["id"] for tag, attributes in elements.found if tag == "tbody" and "id" in attributes]
    assert found == list(paper.reported())
    assert len(found) == 646


def test_every_link_leads_somewhere_and_no_id_stands_twice(text: str, elements: Elements) -> None:
    ids = Counter(elements.values("id"))
    assert max(ids.values()) == 1
    targets = [value for value in elements.values("href", "xlink:href") if not value.startswith("data:")]
    assert len(targets) > 1000
    assert [target for target in targets if target[0] != "#" or html.unescape(target[1:]) not in ids] == []
    drawn = re.findall(r"url\(#([^)]+)\)", text)
    assert drawn
    assert set(drawn) <= ids.keys()


def test_nothing_is_fetched(text: str, elements: Elements) -> None:
    assert elements.values("src", "action", "srcset", "data", "poster", "formaction") == []
    assert "@import" not in text
    (policy,) = (attributes["content"] for _, attributes in elements.found if "http-equiv" in attributes)
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy


def test_only_the_page_s_own_script_may_run(text: str, elements: Elements) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    assert sum(tag == "script" for tag, _ in elements.found) == 1
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert not [name for _, attributes in elements.found for name in attributes if name.startswith("on")]


def test_what_strangers_write_stays_text(text: str) -> None:
    assert HOSTILE not in text
    assert text.count(escape(HOSTILE)) == 2  # a note and a claim
    assert HOSTILE in part(text, MEASURED)


def test_the_summary_comes_first_and_counts_each_number_once(run: Run, text: str) -> None:
    sentence = escape(summary.sentence(run.audit))
    assert sentence.startswith("0 of the 221 measured numbers were recomputed from the paper")
    assert text.index(sentence) < text.index("<table")
    tables = re.findall(r'<table class="counts">(.*?)</table>', text, re.S)
    assert len(tables) == 2
    for counts in tables:
        linked = re.findall(r'data-verdict="\w+" data-\w+="\w+">(\d+)<', counts)
        assert sum(map(int, linked)) == 646
    assert sum(map(sum, by_sort(run.audit).values())) == 646
    assert "the weights of 1 entries; 1 of them are\nstand-ins" in text


def test_each_verdict_is_explained_in_the_words_of_the_contract(text: str) -> None:
    (told,) = re.findall(r'<dl class="meanings">(.*?)</dl>', text, re.S)
    assert re.findall(r'class="badge (\w+)"', told) == list(summary.VERDICTS)
    assert (
        "<dd>every admissible reading of the strongest kind of evidence that decides falls within the printed text, "
        "with all of its values if it allows a range of them</dd>" in told
    )
    assert "<dd></dd>" not in told


def test_a_number_leads_down_to_the_bytes(text: str) -> None:
    own = part(text, MEASURED)
    for told in ("7.2", "1.75", "pending", "weights", paper.reported()[MEASURED].quote):
        assert told in own
    assert f"weightfit trace {MEASURED} --cohort made-up --verify" in own
    chain = ["tables/table_2.csv", "super_weights.parquet", "fits.parquet"]
    chain += [f"fits/{ENTRY}.parquet", f"histograms/{ENTRY}.parquet"]
    assert f'href="#{anchor(chain[0])}"' in own
    for upper, lower in itertools.pairwise(chain):
        assert f'href="#{anchor(lower)}"' in part(text, anchor(upper)), upper
    bottom = part(text, anchor(chain[-1]))
    for told in (FILE["sha256"], "1,234,567 bytes", "rule train, a stand-in", "the same files"):
        assert str(told) in " ".join(bottom.split())


def test_weights_that_the_manifest_does_not_name_are_told(run: Run, tmp_path: Path) -> None:
    other = make_run(tmp_path)
    path = tmp_path / f"manifests/{ENTRY}.json"
    path.write_text(path.read_text().replace(FILE["sha256"], "00" * 32))
    assert "the manifest names other files" in part(page(other), anchor(f"histograms/{ENTRY}.parquet"))


def test_arithmetic_and_theory_lead_to_printed_numbers_and_tables(text: str) -> None:
    growth = part(text, "T3.70m.growth")
    assert 'href="#T3.70m.lamO_term"' in growth
    assert paper.printed("T3.70m.lamO_term") in growth
    assert 'href="#made-theory"' in part(text, "A1.k0")


def test_values_of_several_readings_are_told_once_each() -> None:
    once = numbers._once
    assert once("a: 1; b: 2; c: 1", ["1", "2", "1", None]) == ("1", "2")
    assert once("1", ["1", "1"]) == ("1",)
    assert once("1", []) == ("1",)
    assert once(None, ["1", "2"]) == ()


def test_exhibits_stand_with_caption_words_and_numbers(run: Run, text: str) -> None:
    shown = {each.label: each for each in shown_exhibits.read(run.exhibits)}
    assert list(shown) == ["figure_02", "table_6"]
    assert escape(shown["figure_02"].caption) in text
    assert 'role="img" aria-label="Figure 2"' in text
    csv_rows = (run.folder / "made/table_6.csv").read_text().splitlines()
    made = shown["table_6"]
    assert len(made.rows) == len(csv_rows) - 1 == 8
    assert {len(row) for row in made.rows} == {len(made.headings)}
    assert made.rows[0][0].text == "F1_extract_weights"
    assert not made.rows[0][0].is_number
    assert made.caption not in {cell.text for row in made.rows for cell in row}
    for cell in (cell for row in made.rows for cell in row):
        assert f">{escape(cell.text)}</td>" in text


SVG = (
    '<?xml version="1.0"?>\n<svg width="1pt"><metadata>x</metadata><style type="text/css">*{a: b}</style>'
    '<clipPath id="p"/><g id="g" clip-path="url(#p)"/><use xlink:href="#g"/></svg>'
)


def test_claims_are_listed_by_verdict(run: Run, text: str) -> None:
    assert run.claims is not None
    listed = part(text, "claims").partition("<article")[0]
    for claim in run.claims.to_pylist():
        before, link, _ = listed.partition(f'<a href="#claim-{claim["id"]}">')
        assert link
        assert before.rpartition('class="badge ')[2].startswith(f'{claim["verdict"]}"')


def test_pictures_keep_to_themselves() -> None:
    one, two = (shown_exhibits.inline_svg(SVG, label, "A & B") for label in ("figure_02", "figure_03"))
    assert one.startswith('<svg id="picture-figure_02" role="img" aria-label="A &amp; B" width="1pt">')
    assert "metadata" not in one
    assert "#picture-figure_02 *{a: b}" in one
    assert "url(#figure_02-p)" in one
    assert 'xlink:href="#figure_02-g"' in one
    ids = [set(re.findall(r'id="([^"]+)"', picture)) for picture in (one, two)]
    assert len(ids[0]) == 3
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('xlink:href="#g"', 'xlink:href="other.svg#g"'), "refers to 'other.svg#g'"),
        (("url(#p)", "url(other.svg#p)"), "refers to 'other.svg#p'"),
        (("<svg", "<gvs"), "holds no picture"),
    ],
)
def test_a_picture_that_needs_another_file_is_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        shown_exhibits.inline_svg(SVG.replace(*change), "figure_02", "Figure 2")


@pytest.mark.parametrize("broken", ['{"rows": []}', "[]"])
def test_a_table_that_is_none_is_refused(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "table_6.json"
    path.write_text(broken)
    with pytest.raises(ContractError, match=r"table_6\.json: .*make the table again"):
        shown_exhibits.read({"table_6": path})


def test_a_missing_link_of_the_chain_stops_the_page(tmp_path: Path) -> None:
    made = make_run(tmp_path)
    (tmp_path / "super_weights.parquet").unlink()
    with pytest.raises(ContractError, match=r"super_weights\.parquet: this run has no such file"):
        page(made)


def test_a_run_without_weights_says_so(run: Run) -> None:
    bare = replace(run, entries=[], tables=["theory", "library"], exhibits={}, claims=None, multiverse=None)
    text = page(bare)
    assert "This run had no weights." in text
    for absent in ("exhibits", "claims", "multiverse"):
        assert f'id="{absent}"' not in text
        assert f'href="#{absent}"' not in text
    assert "was given no released database" in text


def test_the_search_over_the_database_is_told(run: Run) -> None:
    schema = table.arrow_schema("database_search")
    row = {
        name: {"string": "range", "int64": 1, "double": 0.5, "bool": True}[str(schema.field(name).type)]
        for name in schema.names
    }
    text = page(replace(run, search=pa.Table.from_pylist([row], schema=schema)))
    told = part(text, "database")
    assert "was given no released database" not in told
    for statistic, key in PRINTED.items():
        assert f'<a href="#{key}">{statistic.replace("_", " ")}</a>' in told
    for name in TOGETHER:
        assert f"<td>{name}, together</td>" in told
    assert NOTHING_SEARCHED.num_rows == 0


def test_the_multiverse_is_told_over_entries(text: str) -> None:
    told = part(text, "multiverse")
    assert re.findall(r'<th scope="col">(.*?)</th>', told) == ["choice", "value null", "entries"]
    assert re.findall(r"<td>(.*?)</td>", told) == ["over_entries", "0.00851235", "12"]


def test_without_a_script_all_is_shown(elements: Elements) -> None:
    hidden = [attributes.get("id") for _, attributes in elements.found if "hidden" in attributes]
    assert hidden == ["filters"]


def test_filters_offer_what_there_is(text: str) -> None:
    offered = re.findall(r'<select name="(\w+)">(.*?)</select>', text, re.S)
    options = {name: re.findall(r"<option>(.*?)</option>", told) for name, told in offered}
    assert options["verdict"] == list(summary.VERDICTS)
    assert set(options["evidence"]) == {evidence or "none" for _, evidence in SAID} | {"weights"}
    assert set(options["place"]) == {row.where for row in paper.reported().values()}
    assert options["sort"] == ["number", "count", "label", "claim"]


def test_tables_of_the_audit_come_back_as_they_were_written(run: Run, tmp_path: Path) -> None:
    for name, made in (("audit", run.audit), ("evaluated_readings", run.readings)):
        write_csv(tmp_path / "made.csv", made)
        assert read(tmp_path / "made.csv", name).equals(made)
    (tmp_path / "made.csv").write_text("id,where\nA1.k0,App A.1\n")
    with pytest.raises(ContractError, match="table audit: the columns are"):
        read(tmp_path / "made.csv", "audit")
