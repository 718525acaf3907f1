"""A straight line through the origin, and how well a few points support it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from weightfit.errors import ContractError

Values = NDArray[np.float64]

CONFIDENCE = 0.95
"""Coverage of every confidence interval."""


@dataclass(frozen=True)
class OriginLine:
    """The line y = slope x, and statistics of the same points that do not assume it.

    Attributes
    ----------
    points
        Number of points n.
    slope, slope_se, slope_low, slope_high
        The slope sum(x y) / sum(x^2), its standard error from the residuals over n - 1, and its confidence interval
        from Student's t with n - 1 degrees of freedom.
    r_squared
        1 less the squared residuals over the squared deviations of y from its mean. It is negative where the mean
        describes the points better than the line does, and None where all y are equal.
    correlation, correlation_low, correlation_high
        Pearson's correlation and its confidence interval from Fisher's z with variance 1 / (n - 3). They are None where
        all x or all y are equal; the interval is None for fewer than four points.
    exponent, exponent_se, exponent_low, exponent_high
        Slope of ln y over ln x, which is 1 where y is proportional to x, with its standard error from the residuals
        over n - 2 and its interval from Student's t. They are None where all x are equal; error and interval are None
        for two points.
    deviation_measured_low, deviation_measured_high
        Least and greatest abs(y - slope x) / y, in per cent.
    deviation_predicted_low, deviation_predicted_high
        Least and greatest abs(y - slope x) / (slope x), in per cent.
    ratio_low, ratio_high, ratio_span
        Least and greatest y / x, and the greatest over the least.
    """

    points: int
    slope: float
    slope_se: float
    slope_low: float
    slope_high: float
    r_squared: float | None
    correlation: float | None
    correlation_low: float | None
    correlation_high: float | None
    exponent: float | None
    exponent_se: float | None
    exponent_low: float | None
    exponent_high: float | None
    deviation_measured_low: float
    deviation_measured_high: float
    deviation_predicted_low: float
    deviation_predicted_high: float
    ratio_low: float
    ratio_high: float
    ratio_span: float


def through_origin(x: Values, y: Values) -> OriginLine:
    """Fit y = slope x by least squares.

    Parameters
    ----------
    x, y
        Coordinates of the points, positive, float64 ``(n,)`` with n >= 2, in any units.

    Raises
    ------
    ContractError
        If there are fewer than two points, or one is not positive.
    """
    if x.size < 2 or x.size != y.size or min(x.min(), y.min()) <= 0:
        raise ContractError(
            f"line through the origin: the {x.size} and {y.size} values must be two or more pairs of positive "
            "numbers; leave out the group or the points that have none"
        )
    # ASSUME line-scatter: points scatter about a line by independent Gaussian noise of one size.
    slope = float(x @ y / (x @ x))
    slope_se = math.sqrt(float(np.sum((y - slope * x) ** 2)) / (x.size - 1) / float(x @ x))
    reach = _student(x.size - 1) * slope_se
    total = float(np.sum((y - y.mean()) ** 2))
    away = 100 * np.abs(y - slope * x)
    ratio = y / x
    return OriginLine(
        x.size,
        slope,
        slope_se,
        slope - reach,
        slope + reach,
        1 - float(np.sum((y - slope * x) ** 2)) / total if np.ptp(y) else None,
        *_correlation(x, y),
        *_exponent(np.log(x), np.log(y)),
        float((away / y).min()),
        float((away / y).max()),
        float((away / (slope * x)).min()),
        float((away / (slope * x)).max()),
        float(ratio.min()),
        float(ratio.max()),
        float(ratio.max() / ratio.min()),
    )


def _student(degrees: int) -> float:
    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _correlation(x: Values, y: Values) -> tuple[float | None, float | None, float | None]:
    from scipy.stats import pearsonr  # half a second, for which nobody waits who draws no line

    if not (np.ptp(x) and np.ptp(y)):
        return None, None, None
    found = pearsonr(x, y)
    if x.size < 4:
        return float(found.statistic), None, None
    low, high = found.confidence_interval(CONFIDENCE)
    return float(found.statistic), float(low), float(high)


def _exponent(x: Values, y: Values) -> tuple[float | None, float | None, float | None, float | None]:
    from scipy.stats import linregress

    if not np.ptp(x):
        return None, None, None, None
    found = linregress(x, y)
    if x.size < 3:
        return float(found.slope), None, None, None
    error = found.stderr if np.ptp(y) else 0.0  # scipy gives no standard error where all y are equal
    reach = _student(x.size - 2) * error
    return float(found.slope), float(error), float(found.slope - reach), float(found.slope + reach)
