"""Every way of being wrong has one exception here; a message names the thing, the law it broke and the remedy."""


class WeightfitError(Exception):
    """Base of every error that this package raises on purpose."""


class MalformedCheckpoint(WeightfitError):
    """A weight file breaks a law of its format."""


class NonFiniteWeight(WeightfitError):
    """A tensor that is counted holds a value that is not a number or is infinite."""


class UnknownTensor(WeightfitError):
    """A tensor name that no known architecture lists, neither as counted nor as left out."""


class IncompleteCheckpoint(WeightfitError):
    """A matrix that the architecture requires is missing, doubled or of another shape."""


class ContradictoryCheckpoint(WeightfitError):
    """The tensors of a checkpoint are not those of the model that its config.json describes."""


class DegenerateHistogram(WeightfitError):
    """A matrix on which the estimator is not defined: all zero, constant, too few distinct values."""


class ContractError(WeightfitError):
    """A table breaks its schema."""


class CohortError(WeightfitError):
    """A cohort file or the configuration asks for something that does not fit together."""


class CorpusError(WeightfitError):
    """The training text is not the one whose digest the cohort file states."""


class DivergedTraining(WeightfitError):
    """A training run that did not learn: its held-out loss is not below the bigram entropy of the text."""


class LateThreadLimit(WeightfitError):
    """jax was imported before the number of its threads was fixed, on which its bits depend."""


class DigestMismatch(WeightfitError):
    """A file whose bytes are not those that its manifest or lock file states."""


class UnknownReference(WeightfitError):
    """An id that no table of the paper has."""


class DownloadFailed(WeightfitError):
    """A file that could not be fetched: no network, no such release."""


class MalformedWheel(WeightfitError):
    """A wheel that is not a sound ZIP archive or lacks what is to be taken out of it."""


class BrokenArchive(WeightfitError):
    """An archive of histograms that is not whole, was changed, or is of other weights than a cohort asks for."""
