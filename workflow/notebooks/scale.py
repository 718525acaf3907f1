# %% [markdown]
# # Scale
#
# The second Weibull parameter is the scale, in units of the weights. The paper reports that it grows during training,
# that the ratios set by the initialization collapse, that it follows the square root of learning rate over weight
# decay, and that the two matrices that write into the residual stream grow in lockstep. A model has a scale before
# its first step, which its designers chose. Each of these findings is therefore compared with what the initial values
# alone give.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from weightfit import paper
from weightfit.exhibits.style import COLOURS, NULL_COLOUR, use
from weightfit.report.notebook_cells import KINDS, logarithmic, looks, read, show, tabulate, whose_weights

use()
steady_state = read("steady_state")
weights = whose_weights(steady_state)
weights.tell()

# %% [markdown]
# ## Growth
#
# The scale of a kind of matrix is the median over the blocks of an entry. The table has every entry with more than
# one known step, and the figure every entry with more than two. Entries that continue the training of others are
# already trained at their first step.

# %%
scaling = read("scaling").to_pandas()
scaling = scaling[scaling["step"].notna()].sort_values(["entry", "step"], ignore_index=True)
steps_known = scaling.groupby("entry")["step"].nunique()
paths = scaling[(scaling["component"] == "o") & (scaling["entry"].map(steps_known) > 1)]


def draw_paths(rows):
    """Draw a line for each entry."""
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for entry, look in looks(weights.in_order(rows["entry"])).items():
        own = rows[rows["entry"] == entry]
        axes.plot(own["step"], own["scale_median"] / own["scale_median"].iloc[0], label=entry, **look)
    axes.axhline(1, color=NULL_COLOUR, ls="--", lw=1)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=-0.2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.set(xlabel="training step", ylabel="scale of o over that at the first step")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


show(
    draw_paths,
    paths[paths["entry"].map(steps_known) > 2],
    "Median scale of o during training, over its value at the first known step.",
    weights,
)

# %%
path = paths.groupby("entry")["scale_median"]
growth = pd.DataFrame(
    {
        "steps known": path.size(),
        "first": path.first(),
        "last": path.last(),
        "last / first": path.last() / path.first(),
        "highest at step": paths.loc[path.idxmax()].set_index("entry")["step"].astype(int),
        "last / highest": path.last() / path.max(),
    }
)
tabulate(
    growth.loc[weights.in_order(growth.index)].reset_index(names="entry (scale of o)"),
    empty="No entry of this cohort has more than one step.",
)

# %% [markdown]
# ## Ratios that the initialization sets
#
# If a recipe draws the matrices that write into the residual stream with smaller weights than those that read from
# it, the initial ratio of their scales differs from one. Simulated initializations show the ratio of the recipe at
# true size.

# %%
PAIRS = {"qkv / o": ("qkv", "o"), "ffn_in / ffn_out": ("ffn_in", "ffn_out"), "up / down": ("up", "down")}
first, last = scaling[scaling["step"] == 0], scaling[scaling["terminal"] & (scaling["step"] > 0)]
ends = pd.concat([first.assign(end="first"), last.assign(end="last")])
scales = ends.pivot_table(index="entry", columns=["component", "end"], values="scale_median")
ratios = pd.DataFrame(
    {
        f"{pair}, {end}": scales[top, end] / scales[bottom, end]
        for pair, (top, bottom) in PAIRS.items()
        for end in ("first", "last")
        if {(top, end), (bottom, end)} <= set(scales.columns)
    }
)
tabulate(
    ratios.loc[weights.in_order(ratios.index)].reset_index(names="entry"),
    empty="No entry of this cohort has a numbered step.",
    digits=3,
)

# %% [markdown]
# ## The root of learning rate over weight decay
#
# The mean scale of the transmission matrices is plotted against the square root of learning rate over weight decay,
# with a line fitted through the origin. A second line is fitted to the scales before training, against the same
# roots, because training cannot have caused a correlation that exists before it. Intervals cover 95 %; an exponent of
# 1 would mean that the scale is proportional to the root. Stand-ins have hyperparameters of their own; the paper's
# models have those of each source that states them.

# %%
lines = read("steady_state_lines").to_pandas()
lines = lines[lines["statistic"] == "mean"]


def beside(value, low, high):
    """Write a number with its 95 % interval, as far as they are defined."""
    interval = "" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]"
    return "–" if np.isnan(value) else f"{value:.3f}{interval}"


columns = {
    "weights": lines["weights"].map(KINDS) + ", " + lines["group"],
    "source": lines["convention"],
    "scales": lines["stage"].map({"terminal": "after", "initial": "before"}),
    "entries": lines["points"],
}
for name in ("slope", "correlation", "exponent"):
    bounds = zip(lines[name], lines[f"{name}_low"], lines[f"{name}_high"], strict=True)
    columns[name] = [beside(*numbers) for numbers in bounds]
tabulate(pd.DataFrame(columns), empty="No group of this cohort has two entries with known hyperparameters.")

# %%
points = steady_state.to_pandas()
points = points[(points["statistic"] == "mean") & (points["weights"] != "initialization")]
points = points[points["root"].notna()]
family = {
    entry: paper.entries()[key].family if key else "others" for entry, key in weights.stands_for.items()
}


def draw_points(rows):
    """Draw a panel for each source of hyperparameters."""
    sources = list(dict.fromkeys(rows["convention"]))
    figure, panels = plt.subplots(1, len(sources), figsize=(7, 3.6), sharey=True, squeeze=False)
    for axes, source in zip(panels[0], sources, strict=True):
        here = rows[rows["convention"] == source]
        for name, look in looks(map(family.get, rows["entry"])).items():
            own = here[here["entry"].map(family) == name]
            axes.plot(own["root"], own["scale_initial"], ls="", alpha=0.7, mfc="white", **look)
            axes.plot(own["root"], own["scale"], ls="", label=name, **look)
        drawn = lines[(lines["convention"] == source) & lines["weights"].isin(here["weights"])]
        for line in drawn.itertuples():
            colour, dots = COLOURS[0] if line.group == "pythia" else NULL_COLOUR, line.stage == "initial"
            axes.axline((0, 0), slope=line.slope, color=colour, ls=":" if dots else "-", lw=0.8)
        axes.set_title(source, loc="left")
        axes.set_xlabel("root of rate / decay")
    panels[0, 0].plot([], [], "o", color=NULL_COLOUR, mfc="white", label="open, dotted: before")
    panels[0, 0].set_ylabel("mean scale (units of the weights)")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


show(
    draw_points,
    points,
    "Mean scale of the transmission matrices against the square root of learning rate over weight decay, after "
    "training and, where known, before it. Lines through the origin: Pythia family (blue), other entries (grey). "
    f"Printed for {paper.printed('S5.4.n')} Pythia sizes: slope {paper.printed('S5.4.slope')}, "
    f"r = {paper.printed('S5.4.r')}.",
    weights,
)

# %% [markdown]
# ## Lockstep
#
# The correlation of ln scale of o with ln scale of the feed-forward output matrix can be taken over different points.
# Over all steps of all entries, it mixes two effects: entries differ from the start, and each entry changes during
# training. *Initial, repeated* repeats the initial scales at every step, as if there had been no training; *within
# entries* removes the differences between entries. Simulated initializations are a family of their own.

# %%
READINGS = {"all_steps": "all steps", "initial_repeated": "initial, repeated"}
READINGS |= {"within_entries": "within entries", "terminal": "last step only"}
coupling = read("coupling").to_pandas()
coupling = coupling[(coupling["statistic"] == "mean") & coupling["correlation"].notna()]
coupling = coupling[coupling["reading"].isin(READINGS)]
bounds = zip(coupling["correlation"], coupling["correlation_low"], coupling["correlation_high"], strict=True)
columns = {
    "family": coupling["group"],
    "o with": coupling["pair"],
    "over": coupling["reading"].map(READINGS),
    "entries": coupling["entries"],
    "points": coupling["points"],
    "r [95 %, independent points]": [beside(*numbers) for numbers in bounds],
    "r of standard deviations": coupling["correlation_null"],
}
tabulate(pd.DataFrame(columns), empty="No family of this cohort has three points.", digits=3)

# %%
OUTPUT = ["ffn_out", "down"]
pairs = scaling[scaling["component"].isin(["o", *OUTPUT])]
pairs = pairs.pivot_table(index=["entry", "step"], columns="component", values="scale_mean").reset_index()
pairs = pairs.assign(output=pairs.reindex(columns=OUTPUT).bfill(axis=1)["ffn_out"])
pairs = pairs.dropna(subset=["o", "output"])
pairs = pairs[pairs["entry"].map(weights.kind) != "initialization"]


def draw_pairs(rows):
    """Draw every step of every entry, its first one open."""
    figure, axes = plt.subplots(figsize=(7, 4.2))
    long = looks(entry for entry in weights.in_order(rows["entry"]) if steps_known[entry] > 2)
    for entry in weights.in_order(rows["entry"]):
        own, look = rows[rows["entry"] == entry], long.get(entry, {"color": NULL_COLOUR, "marker": "."})
        axes.plot(own["o"], own["output"], lw=0.7, color=look["color"])
        axes.plot(own["o"][1:], own["output"][1:], ls="", label=entry if entry in long else None, **look)
        axes.plot(own["o"][:1], own["output"][:1], mfc="white", **look)
    if len(long) < rows["entry"].nunique():
        axes.plot([], [], ".-", color=NULL_COLOUR, lw=0.7, label="entries with few steps known")
    logarithmic(axes)
    axes.set(xlabel="mean scale of o", ylabel="mean scale of the feed-forward output")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


show(
    draw_pairs,
    pairs,
    "Mean scales of the two matrices during training; the first known step is open. "
    f"Printed: r = {paper.printed('S5.3.r')} over {paper.printed('S5.3.n')} pairs of size and step.",
    weights,
)
