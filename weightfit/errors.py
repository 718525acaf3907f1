"""The exceptions of this package; each message names the thing, the law it broke and the remedy."""


class WeightfitError(Exception):
    """Base of every error that this package raises on purpose."""


class MalformedCheckpoint(WeightfitError):
    """A weight file violates its format."""


class NonFiniteWeight(WeightfitError):
    """A counted tensor holds a value that is infinite or not a number."""


class UnknownTensor(WeightfitError):
    """A tensor has a name that no known architecture lists, either as counted or as left out."""


class IncompleteCheckpoint(WeightfitError):
    """A matrix that the architecture requires is missing, occurs twice or has another shape."""


class ContradictoryCheckpoint(WeightfitError):
    """The tensors of a checkpoint are not those of the model that its config.json describes."""


class DegenerateHistogram(WeightfitError):
    """The estimator is not defined on a matrix: it is all zero, constant, or has too few distinct values."""


class DegenerateSpectrum(WeightfitError):
    """A statistic of singular values is not defined on a matrix: it is all zero, or has too few of them."""


class ContractError(WeightfitError):
    """A table violates its schema."""


class CohortError(WeightfitError):
    """A cohort file or the configuration asks for something inconsistent or impossible."""


class CorpusError(WeightfitError):
    """The training text does not have the digest that the cohort file states."""


class DivergedTraining(WeightfitError):
    """A training run did not learn: its held-out loss is not below the bigram entropy of the text."""


class LateThreadLimit(WeightfitError):
    """jax was imported before its number of threads was fixed, on which the bits of its results depend."""


class DigestMismatch(WeightfitError):
    """A file does not have the digest that its manifest or lock file states."""


class UnknownReference(WeightfitError):
    """An id is in no table of the paper."""


class DownloadFailed(WeightfitError):
    """A file could not be fetched, for example without a network or for lack of such a release."""


class MalformedWheel(WeightfitError):
    """A wheel is not a sound ZIP archive or lacks what is to be extracted from it."""


class BrokenArchive(WeightfitError):
    """An archive of histograms is incomplete, was changed, or is of other weights than the cohort asks for."""
