"""Which entries an exhibit shows, what it says of those it lacks, and how it finds steps, blocks and printed texts."""

import pytest

from weightfit import paper
from weightfit.errors import UnknownReference
from weightfit.exhibits.numbers import need
from weightfit.exhibits.request import Request, wanted_entries
from weightfit.paper.exhibits import Exhibit

SIZES = ["pythia-70m", "pythia-160m", "pythia-410m"]


def facts(paper_entry=None, stand_in=False, exclude=None, initialization_of=None, **size):
    return size | {
        "paper_entry": paper_entry,
        "stand_in": stand_in,
        "exclude": exclude or {},
        "initialization_of": initialization_of,
    }


def asked(entries, absent=None, steps=None, blocks=None, **content):
    content = {"entries": SIZES} | content
    exhibit = Exhibit(
        "figure_03", "figures", "Figure 3", "", "", (), 2, "the weights of Pythia sizes", content
    )
    cohort = {"steps": steps or {}, "blocks": blocks or {}, "absent": absent or {}}
    return Request(exhibit, entries, cohort, {}, {})


def test_entries_stand_under_the_paper_s_ids_in_the_exhibit_s_order():
    entries = {
        "b": facts("pythia-160m"),
        "a": facts("pythia-70m"),
        "other": facts(),
        "c": facts("llama-3-8b"),
    }
    cast = asked(entries).cast
    assert list(cast.shown.items()) == [("pythia-70m", "a"), ("pythia-160m", "b")]
    assert cast.wanted == tuple(SIZES)
    assert cast.stand_ins == ()
    assert cast.heading == "measured"


def test_stand_ins_are_announced_first_and_head_their_column():
    entries = {
        "lab-a": facts("pythia-70m", True),
        "lab-b": facts("pythia-160m", True),
        "c": facts("pythia-410m"),
    }
    mixed = asked(entries).cast
    assert mixed.notes[0] == (
        "STAND-IN: 2 small models trained here from scratch (ids lab-a ...), not the paper's weights."
    )
    assert mixed.heading == "measured or stand-in"
    del entries["c"]
    assert asked(entries).cast.heading == "stand-in"
    del entries["lab-b"]
    assert asked(entries).cast.notes[0].startswith("STAND-IN: 1 small model trained")


def test_a_stand_in_tells_for_what_it_stands_and_how_small_it_is():
    entries = {
        "lab-a": facts("pythia-70m", True, layers=6, width=40),
        "b": facts("pythia-160m", True),
        "c": facts("pythia-410m"),
        "d": facts(),
    }
    one = asked(entries)
    assert [one.name(entry) for entry in entries] == [
        "stand-in for Pythia-70m (6 layers, width 40)",
        "stand-in for Pythia-160m",
        "Pythia-410m",
        "d",
    ]
    assert [one.short_name(entry) for entry in entries] == [
        *("Pythia-70m (6 × 40)", "Pythia-160m", "Pythia-410m", "d")
    ]
    assert one.cast.notes[0].endswith("Sizes: layers × width.")


def test_what_is_missing_is_named_with_its_reason():
    entries = {"a": facts("pythia-70m")}
    (note,) = asked(entries, absent={"pythia-410m": "gated"}).cast.notes
    assert note == "1 of 3 entries; pythia-410m: gated; not in this cohort: pythia-160m."
    whole = {key: facts(key) for key in SIZES}
    assert asked(whole).cast.notes == ()


def test_exclusions_are_named_with_their_reasons():
    entries = {key: facts(key) for key in SIZES}
    entries["pythia-70m"] = facts("pythia-70m", exclude={"0.q": "not a number", "1.v": "constant"})
    assert asked(entries).cast.notes == ("Left out of pythia-70m: 0.q (not a number); 1.v (constant).",)


def test_a_cohort_of_the_paper_is_all_its_entries():
    for name, number in (("main", 12), ("qwen", 11)):
        wanted = wanted_entries({"cohort": name})
        assert len(wanted) == number
        assert all(name in paper.entries()[key].cohort for key in wanted)
    assert wanted_entries({}) == []


def test_below_its_minimum_an_exhibit_says_what_it_needs():
    assert need(asked({key: facts(key) for key in SIZES})) is None
    assert need(asked({"a": facts("pythia-70m")})) == (
        "Figure 3 needs the weights of Pythia sizes: at least 2 of 3 entries; this cohort has 1."
    )


def test_simulated_initialisations_count_where_the_exhibit_says_so():
    simulated = {key: facts(initialization_of=key) for key in SIZES}
    assert asked(simulated).available == []
    assert asked(simulated, initializations=True).available == SIZES
    assert need(asked(simulated, initializations=True)) is None


def test_steps_and_blocks_are_mapped_or_stand_for_themselves():
    mapped = asked({}, steps={143000: 3000}, blocks={20: 3})
    assert (mapped.own_step(143000), mapped.own_step(0), mapped.own_block(20)) == (3000, 0, 3)
    assert (asked({}).own_step(143000), asked({}).own_block(20)) == (143000, 20)


def test_printed_texts_are_found_by_id_or_by_what_their_ids_begin_with():
    request = asked(
        {}, printed={"slope": "F12.slope", "pythia-70m": "T4.pythia-70m", "trims": {0.8: "T1.k80"}}
    )
    assert request.printed("slope") == "0.087"
    assert request.printed("pythia-70m", "lambda") == paper.printed("T4.pythia-70m.lambda")
    assert request.printed("trims", 0.8, "median") == paper.printed("T1.k80.median")
    with pytest.raises(UnknownReference, match=r"T4\.pythia-70m\.lambd"):
        request.printed("pythia-70m", "lambd")
