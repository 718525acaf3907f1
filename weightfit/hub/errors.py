"""What can go wrong with the Hub beside `weightfit.errors.DownloadFailed` and `weightfit.errors.DigestMismatch`."""

from weightfit.errors import WeightfitError


class Unavailable(WeightfitError):
    """A repository, revision or file that is gated or gone: a result, which is recorded, and not a failure.

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
    """The Hub announces, for a commit that never changes, another file than the one that is pinned."""


class UnusableRepository(WeightfitError):
    """A repository without weight files that can be pinned: none, an index that does not fit, no sha256."""


class EqualRevisions(WeightfitError):
    """Two revisions of a repository with the same weights, so that at least one of them holds the wrong ones."""


class StalePins(WeightfitError):
    """The pins of a cohort are missing, damaged, or not those of what the cohort file asks for."""
