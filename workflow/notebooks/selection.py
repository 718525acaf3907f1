# %% [markdown]
# # Selection and storage
#
# The paper calls q and k the selection matrices. It finds that their shapes fall below the Gaussian value during
# training, and that the fall depends on the type of attention. It measures q and k where a model stores them
# separately, and q, k and v together where a model stores them as one matrix. This notebook measures every model both
# ways, which separates the effect of attention from that of storage, and then shows where in a model the low shapes
# are.

# %%
import matplotlib.pyplot as plt
import pandas as pd

from weightfit import paper
from weightfit.components import CROSS_ATTENTION
from weightfit.exhibits.style import COLOURS, COMPONENT_NAMES, NULL_COLOUR, anchor, use
from weightfit.report.notebook_cells import read, say, show, tabulate, whose_weights

use()
weights = whose_weights(read("steady_state"))
weights.tell()

# %% [markdown]
# Entries are grouped by how the paper's model, which they are or stand for, stores and shares its q, k and v.
# Simulated initializations are left out. Every fit is centred and keeps the middle 80 % of the weights.


# %%
def group_of(entry):
    """Return the group of an entry, or None for a simulated initialization."""
    if weights.kind.get(entry) == "initialization":
        return None
    if weights.kind.get(entry) == "other":
        return "outside of the paper"
    known = paper.entries()[weights.stands_for[entry]]
    return "merged" if known.storage == "merged" else f"separate, {known.attention}"


groups = {entry: group_of(entry) for entry in weights.kind if group_of(entry)}
colours = dict(zip(dict.fromkeys(groups.values()), COLOURS, strict=False))
say(*(f"{name}: {', '.join(entry for entry in groups if groups[entry] == name)}." for name in colours))

# %% [markdown]
# ## How far each kind of matrix drifts
#
# The shape of a kind of matrix is the median over the blocks of an entry. If an entry has no untrained step of its
# own, the shape of Gaussian weights is taken as its start, and only its end is drawn. Cross attention is left out.

# %%
drift = read("drift").to_pandas()
drift = drift[drift["entry"].isin(groups)].assign(group=lambda rows: rows["entry"].map(groups))
apart = drift[~drift["component"].isin(["qkv", *CROSS_ATTENTION])]
null_shape = apart["shape_terminal_null"].median()


def draw_drift(rows):
    """Draw a line for each kind of matrix and group, and on it the entries at both ends of their training."""
    kinds = [kind for kind in COMPONENT_NAMES if kind in set(rows["component"])]
    figure, axes = plt.subplots(figsize=(7, 1 + 0.42 * len(kinds)))
    for number, (name, colour) in enumerate(colours.items()):
        own = rows[rows["group"] == name]
        height = own["component"].map(kinds.index) + 0.7 * ((number + 0.5) / len(colours) - 0.5)
        measured = own["initial_source"] == "measured"
        axes.plot(own["shape_initial"][measured], height[measured], "o", color=colour, mfc="white", alpha=0.6)
        axes.plot(own["shape_terminal"], height, "o", color=colour, label=name)
    axes.plot([], [], "o", color=NULL_COLOUR, mfc="white", label="open: before training")
    anchor(axes, null_shape, f"Gaussian weights {null_shape:.4f}", vertical=True)
    axes.set_yticks(range(len(kinds)), [COMPONENT_NAMES[kind] for kind in kinds])
    axes.invert_yaxis()
    axes.set_xlabel("median shape over blocks, trim 0.80")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


show(
    draw_drift,
    apart,
    "Shape of each kind of matrix, with one mark per entry: filled after training, open before it. Merged matrices are "
    "split.",
    weights,
)

# %%
KINDS = ["q", "k", "v", "o"]
moved = apart[apart["component"].isin(KINDS)].groupby(["group", "component"], sort=False)
columns = {
    "entries": moved.size(),
    "start": moved["shape_initial"].median(),
    "end": moved["shape_terminal"].median(),
    "least end": moved["shape_terminal"].min(),
    "drift": moved["drift"].median(),
    "its standard error": moved["drift_se"].median(),
    "drift of Gaussian weights": moved["drift_null"].median(),
}
tabulate(
    pd.DataFrame(columns).reset_index(names=["group", "matrix (medians over entries)"]),
    empty="This cohort has no entry with attention matrices.",
)

# %% [markdown]
# ## What pooling does
#
# Matrices of different scale that are fitted together form a mixture. Its magnitudes are spread more widely than
# those of each part, so its fitted shape is lower, although no weight has changed. Gaussian matrices with the
# standard deviations of the measured ones show how much of a low pooled shape this effect alone explains.

# %%
fits = read("fits").to_pandas()
fits = fits[
    fits["terminal"]
    & fits["entry"].isin(groups)
    & (fits["block"] >= 0)
    & (fits["protocol"] == "centred")
    & (fits["sign"] == "both")
    & (fits["trim"] == fits["trim"].min())
]
PARTS = ["q", "k", "v"]
parts = fits[fits["component"].isin(PARTS)].groupby(["entry", "block"])
pools = fits[fits["component"] == "qkv"].set_index(["entry", "block"])[["shape", "shape_se", "shape_null"]]
pools = pools.assign(
    unlike=parts["scale"].max() / parts["scale"].min(),
    shape_apart=parts["shape"].mean(),
    null_apart=parts["shape_null"].mean(),
).reset_index()
pools = pools.assign(
    group=pools["entry"].map(groups),
    fall=pools["shape_apart"] - pools["shape"],
    fall_null=pools["null_apart"] - pools["shape_null"],
)


def draw_pools(rows):
    """Draw what pooling costs over how unlike the pooled scales are."""
    figure, panels = plt.subplots(1, 2, figsize=(7, 3.2), sharex=True, sharey=True)
    for axes, column, title in zip(
        panels, ["fall_null", "fall"], ["Gaussian, these standard deviations", "measured"], strict=True
    ):
        for name, colour in colours.items():
            own = rows[rows["group"] == name]
            axes.plot(own["unlike"], own[column], "o", color=colour, ms=2.5, label=name)
        axes.axhline(0, color=NULL_COLOUR, lw=0.8)
        axes.set_title(title, loc="left")
        axes.set_xlabel("largest over smallest scale of q, k, v")
    panels[0].set_ylabel("mean shape apart less shape pooled")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


show(
    draw_pools,
    pools,
    "Fall of the shape of q, k and v when they are pooled, block by block at the last step, against the ratio of their "
    "largest to their smallest scale. Left: the fall that the standard deviations alone give.",
    weights,
)

# %%
by_entry = pools.groupby(["group", "entry"], sort=False)[
    ["unlike", "shape_apart", "shape", "shape_null", "fall", "fall_null"]
].median()
by_entry.columns = [
    "scales, largest / smallest",
    "apart",
    "pooled",
    "pooled, Gaussian",
    "fall",
    "fall, Gaussian",
]
tabulate(
    by_entry.reset_index(names=["group", "entry (medians over blocks)"]),
    empty="This cohort has no entry with attention matrices.",
)

# %%
told = [
    f"{name}: pooling lowers the shape by {own['fall'].median():.4f} in the median over blocks, and that of Gaussian "
    f"matrices with these standard deviations by {own['fall_null'].median():.4f}."
    for name, own in pools.groupby("group", sort=False)
]
say(*told or ["This cohort has nothing to pool."])

# %% [markdown]
# ## Where in a model the low shapes are
#
# Depth is the number of the block over that of the last one, so that models of different length can be compared. The
# lowest of many shapes is low partly by chance; the table therefore gives its standard error and the number of
# blocks.

# %%
deep = fits[fits["component"].isin(["q", "k"])].assign(group=lambda rows: rows["entry"].map(groups))
deep = deep.assign(depth=deep["block"] / deep.groupby("entry")["block"].transform("max").clip(lower=1))


def draw_depth(rows):
    """Draw a panel for each group, and in it two lines for each entry."""
    found = [name for name in colours if name in set(rows["group"])]
    figure, panels = plt.subplots(1, len(found), figsize=(7, 3.2), sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(panels[0], found, strict=True):
        axes.axhline(null_shape, color=NULL_COLOUR, ls="--", lw=1, label="Gaussian weights")
        for kind, colour in zip(["q", "k"], COLOURS, strict=False):
            axes.plot([], [], "o-", color=colour, label=COMPONENT_NAMES[kind])
            of_kind = rows[(rows["group"] == name) & (rows["component"] == kind)].sort_values("depth")
            for _, own in of_kind.groupby("entry"):
                axes.plot(own["depth"], own["shape"], "o-", color=colour, lw=0.7, ms=2, alpha=0.6)
        axes.set_title(name, loc="left")
        axes.set_xlabel("depth")
    panels[0, 0].set_ylabel("shape")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


show(
    draw_depth,
    deep,
    "Shape of q and of k by depth at the last step, with one line per entry and matrix.",
    weights,
)

# %%
lowest = deep.sort_values("shape").drop_duplicates("entry").set_index("entry", drop=False)
lowest = lowest.assign(blocks=deep.groupby("entry")["block"].nunique()).loc[weights.in_order(lowest.index)]
NAMES = {
    "group": "group",
    "entry": "entry",
    "component": "matrix",
    "block": "block",
    "blocks": "blocks",
    "shape": "lowest shape",
    "shape_se": "standard error",
    "shape_null": "Gaussian",
}
tabulate(lowest[list(NAMES)].rename(columns=NAMES), empty="This cohort has no entry with attention matrices.")
