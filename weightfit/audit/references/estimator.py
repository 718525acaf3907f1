"""Resolve references to the estimator: its noise, and the effects of outliers and rounding on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightfit.studies.closure import closure_error, closure_error_between_quantiles
from weightfit.studies.shape_error import (
    least_noisy_trim,
    relative_shape_variance,
    rounding_shift,
    shape_error,
    shape_with_outliers,
    truncated_normal_shape,
    uniform_shape,
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
    "closure_error_between_quantiles": closure_error_between_quantiles,
    "truncated_normal_shape": truncated_normal_shape,
    "uniform_shape": uniform_shape,
}
"""Function that resolves each reference, by the reference's name in a formula."""
