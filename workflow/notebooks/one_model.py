# %% [markdown]
# # One model, and two, without a workflow
#
# `weightfit.analyze` measures a model and names the matrices that stand out; `weightfit.compare` tells what changed
# between two. Both take files, folders, names of the Hub, arrays in memory, and the histograms of a run, which hold
# every distinct value of every matrix with its count. This notebook takes the histograms.

# %%
import numpy as np
import pandas as pd

import weightfit
from weightfit.cohort.cohort import is_stand_in
from weightfit.exhibits.request import stand_in_note
from weightfit.report.notebook_cells import histograms, say, tabulate

models = histograms()
stand_ins = [name for name in models if is_stand_in(name)]
say(
    *([stand_in_note(stand_ins)] if stand_ins else []),
    f"This notebook was given the histograms of {', '.join(models)}.",
)

# %% [markdown]
# ## A model
#
# The representation of an analysis is its headline and one row for each kind of matrix: the median over blocks of the
# Weibull shape k with its standard error, the k of Gaussian weights, the least and the greatest k of a block, the least
# coefficient of determination, the scale λ, and the largest magnitude over the 99 % quantile.

# %%
name, *others = models
weightfit.analyze(models[name])

# %% [markdown]
# What stands out is a table with one row for each matrix and rule. An empty one is an answer too.

# %%
analyses = {each: weightfit.analyze(path) for each, path in models.items()}
tabulate(
    pd.concat(
        one.outliers[["component", "block", "rule", "sentence"]].assign(model=name)
        for name, one in analyses.items()
    )[["model", "component", "block", "rule", "sentence"]],
    empty="Nothing stands out.",
)

# %% [markdown]
# Every statistic of every matrix, with its error and null, is in `table`. Here is the share of matrices of each model
# whose shape lies below that of Gaussian weights by more than three standard errors.

# %%
below = {
    each: float((one.table["shape"] < one.table["shape_null"] - 3 * one.table["shape_se"]).mean())
    for each, one in analyses.items()
}
say(*(f"{each}: {share:.0%} of the matrices" for each, share in below.items()))

# %% [markdown]
# ## Two models
#
# Matrices are matched by kind and block. `moved` has those that differ by more than independent weights would in 1 % of
# comparisons; the standard errors are those of two independent models.

# %%
changed = weightfit.compare(models[name], models[others[0] if others else name])
say(changed.headline)

# %%
columns = ["component", "block", "shape", "other_shape", "shape_change", "shape_change_se", "distance"]
tabulate(changed.moved[columns].head(8), empty="Nothing moved.")

# %% [markdown]
# ## A single matrix
#
# The shape does not depend on the scale of the weights, and Gaussian weights have k = 1.2054 within their noise.

# %%
drawn = np.random.default_rng(1).standard_normal((512, 512)).astype(np.float32)
tabulate(
    pd.DataFrame(
        {"weights": label, "k": law.shape, "error": law.shape_se, "R²": law.r_squared}
        for label, law in {
            "Gaussian": weightfit.fit(drawn),
            "Gaussian, times 50": weightfit.fit(drawn * np.float32(50)),
            "cubes of Gaussian": weightfit.fit(drawn**3),
        }.items()
    )
)
