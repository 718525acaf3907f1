"""Mean scales and their ratios against averages by hand, planted laws, simulated errors, and the paper's Table 4."""

import math

import numpy as np
import pytest

from weightfit import paper, table
from weightfit.errors import ContractError
from weightfit.paper.rows import state
from weightfit.studies.steady_state import Origin, steady_state, steady_state_lines

PUBLISHED = {name: paper.training(name) for name in paper.conventions()}
SIZES = [key for key, entry in paper.entries().items() if entry.family == "Pythia"]
OTHERS = [key for key, entry in paper.entries().items() if "main" in entry.cohort and key not in SIZES]
GROUPS = {"pythia": SIZES, "others": OTHERS}
PYTHIA, LLAMA = ("o", "ffn_in", "ffn_out"), ("o", "gate", "up", "down")
TRAINING = {"peak_learning_rate": 0.002, "weight_decay": 0.125, "steps": 4000}


def origin(**changes):
    plain = {
        "paper_entry": None,
        "stand_in": False,
        "initialization_of": None,
        "continued": False,
        "training": None,
    }
    return Origin(**(plain | changes))


def row(entry, component, scale, *, step=None, terminal=True, blocks=4, **changes):
    plain = {"entry": entry, "component": component, "step": step, "terminal": terminal, "blocks": blocks}
    scales = dict.fromkeys(("scale_mean", "scale_median", "scale_q25", "scale_q75"), scale)
    return plain | scales | {"scale_mean_se": 0.001, "shape_median": 1.2} | changes


def build(rows):
    return table.of_rows("scaling", rows)


def made(rows, origins):
    return steady_state(build(rows), origins, PUBLISHED, paper.states())


def keyed(rows):
    return {(row["entry"], row["convention"], row["statistic"]): row for row in rows.to_pylist()}


# One entry of each origin, with random scales at both ends; pools and selection matrices are of no concern.

ORIGINS = {
    "pythia-70m": origin(paper_entry="pythia-70m"),
    "qwen3-8b": origin(paper_entry="qwen3-8b"),
    "lab-pythia-160m": origin(paper_entry="pythia-160m", stand_in=True, training=TRAINING),
    "lab-qwen2-math-7b": origin(
        paper_entry="qwen2-math-7b", stand_in=True, continued=True, training=TRAINING
    ),
    "planted": origin(paper_entry="pythia-410m", stand_in=True),
    "drawn": origin(initialization_of="pythia-1b"),
    "mine": origin(training=TRAINING | {"weight_decay": 0.0}),
    "minilm": origin(),
    "qwen2-7b": origin(paper_entry="qwen2-7b"),
}
STEPS = {"drawn": [0], "minilm": [None], "qwen3-8b": [None], "qwen2-7b": [7]}
CONVENTIONS = {
    "pythia-70m": paper.conventions(), "qwen3-8b": paper.conventions(), "lab-pythia-160m": ("own",),
    "lab-qwen2-math-7b": ("own",), "planted": ("unknown",), "drawn": paper.conventions(), "mine": ("own",),
    "minilm": ("unknown",), "qwen2-7b": ("unknown",),
}  # fmt: skip


@pytest.fixture(scope="module")
def scales():
    random = np.random.default_rng(93)
    rows = []
    for entry in ORIGINS:
        kinds = LLAMA if "qwen" in entry else PYTHIA
        steps = STEPS.get(entry, [0, 5, 3000])
        for step in steps:
            for kind in (*kinds, "q", "qkv", "ffn", "transmission", "all"):
                drawn = {name: 0.01 + random.random() for name in ("scale_mean", "scale_median")}
                drawn |= {"scale_mean_se": 0.001 * random.random(), "blocks": int(random.integers(1, 9))}
                rows.append(row(entry, kind, 0.5, step=step, terminal=step == steps[-1], **drawn))
    return rows


def test_each_scale_is_the_mean_of_its_own_kinds(scales):
    found = keyed(made(scales, ORIGINS))
    assert list(found) == [
        (entry, convention, statistic)
        for entry in ORIGINS
        for convention in CONVENTIONS[entry]
        for statistic in ("mean", "median")
    ]
    for (entry, _, statistic), one in found.items():
        kinds = LLAMA if "qwen" in entry else PYTHIA
        own = [r for r in scales if r["entry"] == entry and r["component"] in kinds]
        last, first = [r for r in own if r["terminal"]], [r for r in own if r["step"] == 0]
        assert one["kinds"] == len(kinds)
        assert one["step"] == (None if entry == "drawn" else last[0]["step"])
        for stage, rows in (("scale", last), ("scale_initial", first)):
            if (stage, entry) in {("scale", "drawn"), ("scale_initial", "lab-qwen2-math-7b")} or not rows:
                assert one[stage] is None
                assert one[f"{stage}_se"] is None
            else:
                assert one[stage] == pytest.approx(
                    np.mean([r[f"scale_{statistic}"] for r in rows]), rel=1e-14
                )
                if statistic == "mean":
                    variance = sum(r["scale_mean_se"] ** 2 for r in rows)
                    assert one[f"{stage}_se"] == pytest.approx(math.sqrt(variance) / len(rows), rel=1e-14)


def test_hyperparameters_are_those_that_belong_to_the_weights(scales):
    found = keyed(made(scales, ORIGINS))
    weights = {entry: one["weights"] for (entry, _, _), one in found.items()}
    assert weights == {
        "pythia-70m": "paper", "qwen3-8b": "paper", "qwen2-7b": "paper", "drawn": "initialization",
        "lab-pythia-160m": "stand_in", "lab-qwen2-math-7b": "stand_in", "planted": "stand_in",
        "mine": "other", "minilm": "other",
    }  # fmt: skip
    for (entry, convention, _), one in found.items():
        stands_for = ORIGINS[entry].paper_entry or ORIGINS[entry].initialization_of
        assert one["paper_entry"] == stands_for
        given = {"own": ORIGINS[entry].training, "unknown": {}}.get(convention)
        given = PUBLISHED[convention][stands_for] if given is None else given
        rate, decay, steps = (given.get(name) for name in ("peak_learning_rate", "weight_decay", "steps"))
        assert (one["peak_learning_rate"], one["weight_decay"], one["steps"]) == (rate, decay, steps)
        if convention == "unknown" or not decay:
            assert {one[name] for name in ("root", "ratio", "ratio_se", "ratio_initial")} == {None}
        else:
            root = math.sqrt(rate / decay)
            assert one["root"] == pytest.approx(root, rel=1e-14)
            for ratio, scale in (
                ("ratio", "scale"),
                ("ratio_se", "scale_se"),
                ("ratio_initial", "scale_initial"),
            ):
                expected = None if one[scale] is None else pytest.approx(one[scale] / root, rel=1e-14)
                assert one[ratio] == expected
        if steps is None:
            assert {one[name] for name in ("t_over_tau", "state_library", "state_database")} == {None}
        else:
            assert one["t_over_tau"] == pytest.approx(steps * rate * decay, rel=1e-14)
            for name, thresholds in paper.states().items():
                assert one[f"state_{name}"] == state(one["t_over_tau"], thresholds)
    # The paper prints no number of steps for Qwen3-8B; a run without decay has gone nowhere.
    assert found["qwen3-8b", "paper", "mean"]["t_over_tau"] is None
    assert found["qwen3-8b", "database-2026-08", "mean"]["t_over_tau"] == pytest.approx(110)
    assert found["mine", "own", "mean"]["t_over_tau"] == 0
    assert found["mine", "own", "mean"]["state_library"] == "transition"


def test_an_entry_of_unknown_origin_is_refused():
    with pytest.raises(ContractError, match=r"mine: .* nothing says where it comes from"):
        made([row("mine", "o", 0.02)], {})


def test_an_entry_without_transmission_matrices_has_no_row():
    assert made([row("mine", "q", 0.02), row("mine", "qkv", 0.02)], {"mine": origin()}).num_rows == 0


@pytest.mark.parametrize("blocks", [1, 2, 7, 8])
def test_the_errors_are_the_scatter_of_refitted_blocks(blocks):
    """Blocks that differ by more than the errors of their fits, as those of a trained model do."""
    random = np.random.default_rng(94)
    truth = {kind: 0.02 + 0.002 * np.arange(blocks) for kind in PYTHIA}
    error = {"o": 2e-4, "ffn_in": 1e-4, "ffn_out": 1e-4}
    samples = []
    for _ in range(1500):
        noisy = {
            kind: values + error[kind] * random.standard_normal(blocks) for kind, values in truth.items()
        }
        samples.append([np.mean([f(values) for values in noisy.values()]) for f in (np.mean, np.median)])
    rows = [
        row("mine", kind, 0.02, blocks=blocks, scale_mean_se=error[kind] / math.sqrt(blocks))
        for kind in PYTHIA
    ]
    found = keyed(made(rows, {"mine": origin()}))
    claimed = [found["mine", "unknown", statistic]["scale_se"] for statistic in ("mean", "median")]
    assert claimed == pytest.approx(np.std(samples, axis=0, ddof=1), rel=0.08)


# States.


@pytest.mark.parametrize(
    ("t_over_tau", "library", "database"),
    [
        (0.0, "transition", "Transition"), (0.1999, "transition", "Transition"), (0.2, "approaching", "Transition"),
        (0.25, "approaching", "Partial"), (0.3999, "approaching", "Partial"), (0.4, "approaching", "Approaching"),
        (0.8, "approaching", "Near-saturated"), (0.9999, "approaching", "Near-saturated"),
        (1.0, "saturated", "Near-saturated"), (1.2, "saturated", "Saturated"), (110.0, "saturated", "Saturated"),
    ],
)  # fmt: skip
def test_a_state_begins_at_its_threshold(t_over_tau, library, database):
    known = paper.states()
    assert (state(t_over_tau, known["library"]), state(t_over_tau, known["database"])) == (library, database)


# The paper's own table: one block whose scale is the printed mean.


@pytest.fixture(scope="module")
def printed():
    origins = {key: origin(paper_entry=key) for key in GROUPS["pythia"] + GROUPS["others"]}
    rows = [
        row(key, kind, float(paper.printed(f"T4.{key}.lambda")), blocks=1)
        for key in origins
        for kind in (PYTHIA if key in SIZES else LLAMA)
    ]
    return made(rows, origins)


def test_table_4_follows_from_its_own_scales(printed):
    for key, one in ((key, row) for key, row in keyed(printed).items() if key[1:] == ("paper", "mean")):
        assert f"{one['root']:.3f}" == paper.printed(f"T4.{key[0]}.sqrt")
        # The printed ratio comes from an unrounded scale.
        reach = 0.0005 + 0.00005 / one["root"]
        assert one["ratio"] == pytest.approx(float(paper.printed(f"T4.{key[0]}.ratio")), abs=reach)


def test_the_printed_states_follow_from_the_thresholds_of_the_database(printed):
    found = keyed(printed)
    for key in SIZES:
        one, size = found[key, "paper", "mean"], key.removeprefix("pythia-")
        assert f"{one['t_over_tau']:.2f}" == paper.printed(f"T3.{size}.Ttau")
        label = paper.printed(f"T3.{size}.state").replace("Near-sat.", "Near-saturated")
        assert one["state_database"] == label
    # The three states of the library are not the paper's four.
    assert found["pythia-160m", "paper", "mean"]["state_library"] == "approaching"
    # With the decay of the official configurations each of the five is in one state.
    assert {found[key, "official", "mean"]["state_database"] for key in SIZES} == {"Saturated"}


def test_printed_spans_of_the_ratio_follow(printed):
    lines = {
        (one["group"], one["convention"]): one
        for one in steady_state_lines(printed, GROUPS).to_pylist()
        if one["statistic"] == "mean"
    }
    assert set(lines) == {(group, name) for group in GROUPS for name in paper.conventions()}
    assert f"{lines['pythia', 'paper']['ratio_span']:.1f}" == paper.printed("T4.span_pythia")
    # 0.319 / 0.048 as printed; the least scale has two digits, so that the span has no more.
    assert lines["others", "paper"]["ratio_span"] == pytest.approx(
        float(paper.printed("T4.span_other")), rel=0.03
    )
    assert {one["points"] for (group, _), one in lines.items() if group == "others"} == {7}
    assert {one["stage"] for one in lines.values()} == {"terminal"}


# Lines.


def planted(slope, *, weights, keys=SIZES, law=1.0):
    """Build an entry per key whose final scale is slope x root ^ law and whose first is constant."""
    rows, origins = [], {}
    for key in keys:
        values = PUBLISHED["paper"][key]
        changes = {"paper_entry": key}
        if weights == "stand_in":
            changes |= {"stand_in": True, "training": values | {"steps": 3000}}
        origins[f"{weights}-{key}"] = origin(**changes)
        scale = slope * (values["peak_learning_rate"] / values["weight_decay"]) ** (law / 2)
        for kind in PYTHIA:
            rows.append(row(f"{weights}-{key}", kind, 0.013, step=0, terminal=False))
            rows.append(row(f"{weights}-{key}", kind, scale, step=3000))
    return rows, origins


def test_a_planted_law_comes_back_and_its_null_beside_it():
    rows, origins = planted(0.09, weights="paper")
    more, others = planted(0.5, weights="stand_in", law=0.4)
    lines = {
        (one["weights"], one["convention"], one["statistic"], one["stage"]): one
        for one in steady_state_lines(made(rows + more, origins | others), GROUPS).to_pylist()
    }
    assert {one["group"] for one in lines.values()} == {"pythia"}
    for statistic in ("mean", "median"):
        straight = lines["paper", "paper", statistic, "terminal"]
        assert (straight["slope"], straight["exponent"]) == pytest.approx((0.09, 1))
        assert (straight["correlation"], straight["r_squared"]) == pytest.approx((1, 1))
        assert straight["deviation_measured_high"] == pytest.approx(0, abs=1e-9)
        assert lines["stand_in", "own", statistic, "terminal"]["exponent"] == pytest.approx(0.4)
        for key in (("paper", "paper"), ("stand_in", "own")):
            assert lines[*key, statistic, "initial"]["exponent"] == pytest.approx(0, abs=1e-12)
            assert lines[*key, statistic, "initial"]["points"] == 5
    # A decay ten times as large moves the slope and not the exponent, but for the one size whose rate differs.
    official = lines["paper", "official", "mean", "terminal"]
    assert official["slope"] == pytest.approx(0.09 * math.sqrt(10), rel=0.02)
    assert official["exponent"] == pytest.approx(1, abs=0.1)


def test_stand_ins_and_the_papers_weights_are_never_on_one_line():
    rows, origins = planted(0.09, weights="paper", keys=SIZES[:1])
    more, others = planted(0.5, weights="stand_in", keys=SIZES[1:2])
    assert steady_state_lines(made(rows + more, origins | others), GROUPS).num_rows == 0


def test_an_entry_of_the_paper_is_one_point_of_a_line():
    """Two simulations of one initialisation: the first is taken."""
    drawn = {"a": ("pythia-70m", 0.02), "b": ("pythia-1b", 0.01), "c": ("pythia-1b", 0.5)}
    rows = [row(entry, kind, scale, step=0) for entry, (_, scale) in drawn.items() for kind in PYTHIA]
    origins = {entry: origin(initialization_of=key) for entry, (key, _) in drawn.items()}
    lines = steady_state_lines(made(rows, origins), GROUPS).to_pylist()
    assert {(one["weights"], one["stage"]) for one in lines} == {("initialization", "initial")}
    (one,) = (one for one in lines if (one["convention"], one["statistic"]) == ("paper", "mean"))
    assert one["points"] == 2
    assert one["ratio_high"] == pytest.approx(0.02 / math.sqrt(0.1))
    assert one["ratio_low"] == pytest.approx(0.01 / math.sqrt(0.03))


def test_what_has_no_step_0_is_missing_from_the_null_alone():
    rows, origins = planted(0.09, weights="paper")
    first = rows[0]["entry"]
    rows = [one for one in rows if one["entry"] != first or one["terminal"]]
    lines = steady_state_lines(made(rows, origins), GROUPS).to_pylist()
    assert {(one["stage"], one["points"]) for one in lines} == {("terminal", 5), ("initial", 4)}
