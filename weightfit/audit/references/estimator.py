"""Resolve references to the estimator: its noise, and the effects of outliers and rounding on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightfit.studies.closure import closure_error
from weightfit.studies.shape_error import (
    least_noisy_trim,
    relative_shape_variance,
    rounding_shift,
    shape_error,
    shape_with_outliers,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


REFERENCES: Mapping[str, Callable[..., object]] = {
    "least_noisy_trim": least_noisy_trim,
    "relative_shape_variance": relative_shape_variance,
    "shape_with_outliers": shape_with_outliers,
    "rounding_shift": rounding_shift,
    "shape_error": shape_error,
    "closure_error": closure_error,
}
"""Function that resolves each reference, by the reference's name in a formula."""
