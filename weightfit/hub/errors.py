"""Errors of the Hub, besides `weightfit.errors.DownloadFailed` and `weightfit.errors.DigestMismatch`."""

from weightfit.errors import WeightfitError


class Unavailable(WeightfitError):
    """A repository, revision or file is gated or gone, which is recorded as a result and is not a failure.

    Attributes
    ----------
    remedy
        What a person can do about it.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}: {remedy}")
        self.reason = reason
        self.remedy = remedy


class ContradictoryAnswer(WeightfitError):
    """The Hub announces a file other than the pinned one, although a commit never changes."""


class UnusableRepository(WeightfitError):
    """A repository has no weight files that can be pinned: they are absent, do not fit the index, or lack a sha256."""


class EqualRevisions(WeightfitError):
    """Two revisions of a repository have the same weights, so at least one of them holds the wrong ones."""


class StalePins(WeightfitError):
    """The pins of a cohort are missing or damaged, or do not fit what the cohort file asks for."""
