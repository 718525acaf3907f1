"""Printed numbers of which theory, recipes and the released database foresee nothing, each with the reason."""

from collections.abc import Mapping

_OUTLIERS = (
    "It rests on the largest weights. Theory gives only what they would be without training, and the released database "
    "has no maximum and no kurtosis."
)
_TRAJECTORY = (
    "It rests on steps within the training, of which neither recipes nor the released database say anything."
)
_SINGLE = "It rests on single blocks, and the released database has medians over blocks."
_MEAN = "Theory gives only the least mean, that of weights without any; how far training moves it is unknown."
_SMALL = "It rests on the smallest weights of single matrices, and the released database has medians of fits."
_SIGNS = "Theory gives only what sampling adds, and how asymmetric trained weights are is unknown."

_TABLE_2 = (
    *(f"pythia-{size}" for size in ("70m", "160m", "410m", "1b", "6.9b")),
    "olmo-1-7b",
    "qwen2.5-14b",
    "qwen3-8b",
)

ABSTENTIONS: Mapping[str, tuple[str | None, str]] = {
    "F3.k_mid": ("pythia-70m", _TRAJECTORY),
    **{
        f"F3.{name}": ("pythia-70m", _OUTLIERS)
        for name in ("max_5000", "ratio_5000", "logP_5000", "max_143000", "ratio_143000")
    },
    **{f"S3.3.kurt_{end}": (None, _OUTLIERS) for end in ("low", "high")},
    **{
        f"T2.{entry}.{column}": (entry, _OUTLIERS)
        for entry in _TABLE_2
        for column in ("median", "extreme", "kurtosis")
    },
    **{f"S4.3.{name}": ("olmo-1-7b", _SINGLE) for name in ("kmin", "kmin_block")},
    **{f"S5.2.{name}": ("pythia-70m", _TRAJECTORY) for name in ("peak_step", "retreat")},
    **{f"S5.3.{name}": ("pythia-410m", _SINGLE) for name in ("maxmin", "cv")},
    "A1.mu_term": ("pythia-70m", _MEAN),
    **{f"A1.qwen_mu_{name}": ("qwen2.5-14b", _MEAN) for name in ("lo", "hi", "max")},
    **{f"A1.{name}": ("qwen2.5-14b", _SIGNS) for name in ("dk_pm", "dk_abs")},
    **{f"A1.zeros_{end}": ("qwen2.5-14b", _SMALL) for end in ("lo", "hi")},
    "B2.format": (
        None,
        "It is decided by files of the release other than its tables of medians, and by no weights.",
    ),
    **{f"C3.{name}": (None, _OUTLIERS) for name in ("qwen_med", "qwen_max")},
    "C3.pop_centre": (None, _SMALL),
}
"""Entry (None if there are several) and reason by the id of an original in `paper/reported.tsv`."""
