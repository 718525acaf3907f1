# %% [markdown]
# # The band and its null
#
# The paper fits a Weibull law to the magnitudes of every weight matrix and finds the shape k of the feed-forward
# matrices of all its models in a narrow band. What this band says about training depends on the shapes of untrained
# weights. This notebook compares exactly Gaussian weights with the weights of this cohort before and after training.
# It also examines what a gap between two trims and an R² can show, and which law describes the magnitudes best.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from weightfit import paper
from weightfit.components import CROSS_ATTENTION
from weightfit.exhibits.style import COMPONENT_NAMES, NULL_COLOUR, anchor, band, use
from weightfit.report.notebook_cells import KIND_COLOURS, KINDS, read, say, show, tabulate, whose_weights

use()
weights = whose_weights(read("steady_state"))
weights.tell()

# %% [markdown]
# ## What Gaussian weights give
#
# This part needs no weights. The magnitudes of Gaussian weights follow the half-normal law, and the result of the
# paper's fit to that law can be computed by quadrature; the shape does not depend on the standard deviation. A
# half-normal law is not a Weibull law: the more of its two ends a trim includes, the lower the shape is.

# %%
theory = read("theory").to_pandas()
NAMES = {"half_normal_shape": "shape", "half_normal_scale": "scale / sigma", "half_normal_r_squared": "R²"}
gaussian = theory[theory["quantity"].isin(NAMES)].pivot_table("value", "trim", "quantity")
gaussian = gaussian[list(NAMES)].rename(columns=NAMES)
tabulate(gaussian.assign(trim=[f"{trim:.2f}" for trim in gaussian.index])[["trim", *NAMES.values()]])

# %%
BODY, WHOLE = gaussian.index.min(), gaussian.index.max()
low, high = (float(paper.printed(f"S3.1.band_{side}")) for side in ("low", "high"))
null_shape = gaussian.loc[BODY, "shape"]
outside = max(low - null_shape, null_shape - high, 0)
place = f"{outside:.4f} outside" if outside else "inside"
say(
    f"Gaussian weights have a shape of {null_shape:.4f} at trim {BODY:.2f}, {place} the printed band [{low}, {high}]."
)

# %% [markdown]
# ## The shapes, before and after training
#
# Each entry is summarised by the median over its feed-forward matrices, as in the paper's Table 1. Error bars are
# standard errors from the spread over matrices. Entries that continue the training of others are already trained at
# their first step.

# %%
ablation = read("ablation").to_pandas()
ffn = ablation[(ablation["kind"] == "ffn") & (ablation["trim"] == BODY)]


def draw_shapes(rows):
    """Draw a line for each entry, its first step above its last."""
    entries = weights.in_order(rows["entry"])
    figure, axes = plt.subplots(figsize=(7, 0.9 + 0.19 * len(entries)))
    for row in rows.itertuples():
        first, colour = row.stage == "initial", KIND_COLOURS[weights.kind[row.entry]]
        height = entries.index(row.entry) + (-0.15 if first else 0.15)
        look = {"color": colour, "markerfacecolor": "white" if first else colour, "lw": 0.8}
        axes.errorbar(row.shape_median, height, xerr=row.shape_median_se, marker="o", **look)
    for kind in dict.fromkeys(weights.kind[entry] for entry in entries):
        axes.plot([], [], "o", color=KIND_COLOURS[kind], label=KINDS[kind])
    axes.plot([], [], "o", color=NULL_COLOUR, markerfacecolor="white", label="open: first step")
    band(axes, low, high, f"printed band [{low}, {high}]", vertical=True)
    anchor(axes, null_shape, f"Gaussian weights {null_shape:.4f}", vertical=True)
    axes.set_yticks(range(len(entries)), entries, fontsize=7)
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlabel(f"median shape of feed-forward matrices, trim {BODY:.2f}")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


show(
    draw_shapes,
    ffn,
    "Median shape of the feed-forward matrices of each entry, at its first step (open) and its last (filled), beside "
    "the printed band and the shape of Gaussian weights.",
    weights,
)

# %% [markdown]
# Whether a spread over entries is small or large depends on the spread that sampling alone would give. The last
# column gives the coefficient of variation of entries that differ from the Gaussian value only by their standard
# errors.


# %%
def spread(rows):
    """Summarise entries of one kind of weights at one stage."""
    shape = rows["shape_median"]
    return {
        "main cohort": KINDS[weights.kind[rows["entry"].iloc[0]]],
        "training": {"initial": "before", "terminal": "after"}[rows["stage"].iloc[0]],
        "entries": len(rows),
        "in the band": int(shape.between(low, high).sum()),
        "least": shape.min(),
        "median": shape.median(),
        "greatest": shape.max(),
        "CV, %": 100 * shape.std(ddof=1) / shape.mean() if len(rows) > 1 else None,
        "by sampling alone, %": 100 * np.sqrt((rows["shape_median_se"] ** 2).mean()) / null_shape,
    }


main = ffn[ffn["entry"].isin(weights.main.values())]
groups = main.groupby([main["entry"].map(weights.kind), "stage"])
tabulate(
    pd.DataFrame([spread(rows) for _, rows in groups]),
    empty="This cohort has no entry of the paper's main cohort.",
)

# %% [markdown]
# ## The gap between two trims
#
# The paper takes the difference between the shape of the middle of the weights and that of all weights as a measure
# of the heavy tail. Gaussian weights also have such a gap, without any heavy tail. Student-t laws have heavy tails
# and show how the gap changes as tails get heavier: along the curve, from the Gaussian end to fewer degrees of
# freedom.

# %%
gaps = ablation[ablation["kind"] == "ffn"].pivot_table(
    index=["entry", "stage"], columns="trim", values="shape_median"
)
gaps = gaps.assign(shape=gaps[BODY], gap=gaps[BODY] - gaps[WHOLE]).reset_index()
null_gap = theory.loc[theory["quantity"] == "half_normal_gap", "value"].item()
curve = theory[(theory["trim"] == BODY) & (theory["quantity"] == "student_t_shape")].merge(
    theory[theory["quantity"] == "student_t_gap"], on="degrees", suffixes=("_shape", "_gap")
)
printed_gap, printed_spread = float(paper.printed("S3.2.gap_mean")), float(paper.printed("S3.2.gap_sd"))


def draw_gaps(rows):
    """Draw each entry, and beside it the laws whose gaps are known exactly."""
    figure, axes = plt.subplots(figsize=(7, 3.6))
    for row in rows.itertuples():
        colour = KIND_COLOURS[weights.kind[row.entry]]
        axes.plot(row.shape, row.gap, "o", color=colour, mfc="white" if row.stage == "initial" else colour)
    axes.plot(curve["value_shape"], curve["value_gap"], color=NULL_COLOUR, label="Student's t, its degrees")
    for point in curve[curve["degrees"].isin([3, 4, 5, 6, 8, 12, 20, 40])].itertuples():
        axes.plot(point.value_shape, point.value_gap, ".", color=NULL_COLOUR)
        below = {"xytext": (0, -9), "textcoords": "offset points", "ha": "center", "fontsize": 6.5}
        axes.annotate(
            f"{point.degrees:.0f}", (point.value_shape, point.value_gap), color=NULL_COLOUR, **below
        )
    axes.plot(null_shape, null_gap, "k*", markersize=9, label="Gaussian weights")
    words = f"printed gap {printed_gap} ± {printed_spread}"
    band(axes, printed_gap - printed_spread, printed_gap + printed_spread, words)
    for kind in dict.fromkeys(weights.kind[entry] for entry in rows["entry"]):
        axes.plot([], [], "o", color=KIND_COLOURS[kind], label=KINDS[kind])
    axes.set(xlabel=f"median shape at trim {BODY:.2f}", ylabel=f"gap to that at trim {WHOLE:.2f}")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


show(
    draw_gaps,
    gaps,
    "Gap between the median shapes at two trims against the shape, for each entry at its first (open) and last step.",
    weights,
)

# %%
direction = "below" if printed_gap < null_gap else "above"
told = [
    f"The printed gap, {printed_gap} ± {printed_spread}, lies {abs(printed_gap - null_gap):.4f} {direction} that of "
    f"Gaussian weights, {null_gap:.4f}. The smallest gap on the curve is {curve['value_gap'].min():.4f}."
]
own = gaps[(gaps["stage"] == "terminal") & gaps["entry"].isin(weights.main.values())]["gap"]
if len(own):
    told.append(
        f"At the last step, the median gap over {len(own)} entries of the main cohort is {own.median():.4f}."
    )
say(*told)

# %% [markdown]
# ## What an R² shows
#
# R² is the squared correlation of the points of the probability plot inside the trim. It is close to 1 for any law
# whose plot is nearly straight there, such as the half-normal law. A bound on R² supports a Weibull law only if it
# lies above the R² of Gaussian weights.

# %%
bound, reached = float(paper.printed("S3.1.r2_min")), gaussian.loc[BODY, "R²"]
told = [
    f"Gaussian weights reach an R² of {reached:.4f}, {'above' if reached > bound else 'below'} the bound of {bound} "
    "that the paper gives for every fit."
]
least = ffn.groupby("entry")["r_squared_low"].min()
if len(least):
    told.append(
        f"Here {(least >= bound).sum()} of {len(least)} entries have no feed-forward matrix below that bound; the "
        f"smallest R² of all is {least.min():.4f}."
    )
say(*told)

# %% [markdown]
# ## Which law the weights follow
#
# Six families of laws are fitted to the same counts of each matrix by maximum likelihood. The best law is the one
# with the smallest Akaike information criterion (AIC), which adds 2 for every parameter. If the half-normal law is
# true, a law that contains it and has one parameter more is still best in about one case of six, by chance. The
# columns called *Gaussian* give the mean for simulated Gaussian weights of the same number. Simulated initializations
# and matrices of cross attention are left out.

# %%
laws = read("laws").to_pandas()
laws = laws[(laws["range"] == "whole") & ~laws["component"].isin(CROSS_ATTENTION)]
last = laws[laws["terminal"] & (laws["entry"].map(weights.kind) != "initialization")]
LAWS = {"half_normal": "half-normal", "generalised_normal": "generalised normal", "student_t": "Student's t"}
LAWS |= {"weibull": "Weibull", "gamma": "gamma", "lognormal": "lognormal"}
judged = last.groupby("law")[["delta_aic", "delta_aic_null", "ks_distance", "ks_distance_null"]].median()
judged.columns = ["AIC above the best", "the same, Gaussian", "KS distance", "KS distance, Gaussian"]
judged.insert(0, "best in", last.groupby("law")["best"].sum())
judged = judged.reindex([law for law in LAWS if law in judged.index]).rename(LAWS)
tabulate(judged.reset_index(names="law (medians over matrices)"), empty="This cohort has no trained entry.")


# %%
def draw_laws(rows):
    """Draw which law is best, and the exponent that measures the distance from the normal law."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    kinds = [kind for kind in COMPONENT_NAMES if kind in set(rows["component"])]
    share = pd.crosstab(rows["component"], rows["law"], rows["best"], aggfunc="mean")
    edge = np.zeros(len(kinds))
    for law, name in LAWS.items():
        wide = share.reindex(index=kinds, columns=[law], fill_value=0)[law].to_numpy()
        left.barh(range(len(kinds)), wide, left=edge, label=name)
        edge = edge + wide
    exponent = rows[rows["law"] == "generalised_normal"].groupby("component")["shape"]
    quartile = {share: exponent.quantile(share).reindex(kinds) for share in (0.25, 0.5, 0.75)}
    right.hlines(range(len(kinds)), quartile[0.25], quartile[0.75], color=NULL_COLOUR)
    right.plot(quartile[0.5], range(len(kinds)), "o", color="black", label="median and quartiles")
    anchor(right, 2.0, "Gaussian weights", vertical=True)
    left.set_yticks(range(len(kinds)), [COMPONENT_NAMES[kind] for kind in kinds])
    left.invert_yaxis()
    left.set_xlabel("share of matrices")
    right.set_xlabel("exponent of the generalised normal law")
    for axes, columns in ((left, 2), (right, 1)):
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns)
    return figure


show(
    draw_laws,
    last,
    "Left: share of the matrices of each kind for which a law has the smallest AIC, at the last step. Right: exponent "
    "of the generalised normal law over matrices; 2 is the normal law, and smaller values mean heavier tails.",
    weights,
)
