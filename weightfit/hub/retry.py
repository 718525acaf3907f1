"""Interprets failed requests, and decides how often and after how long a wait each is tried again."""

import time
from argparse import ArgumentParser
from collections import Counter

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers  # type: ignore[attr-defined]

from weightfit.errors import DownloadFailed, WeightfitError
from weightfit.hub.client import TIMEOUT, is_endpoint
from weightfit.hub.errors import Unavailable

TRIES = 6
"""Number of consecutive tries without progress after which a request counts as failed."""

FRESH_TRIES = 2
"""Number of tries when the answer should not change: after a refusal, a contradiction or wrong bytes."""

WAIT = 1.0
"""Seconds before the second try; the wait doubles before each later try."""

LONGEST_WAIT = 900.0
"""Longest wait in seconds that a server may ask for at once; the Hub limits rates in windows of 300 seconds."""

PASSING = (408, 425, 429, 500, 502, 503, 504)
REFUSALS = (401, 403, 404)
RUN_AGAIN = "check the network and run the same command again"


def add_patience(parser: ArgumentParser) -> None:
    """Add the options ``--tries`` and ``--wait`` of a command that asks the Hub."""
    parser.add_argument(
        "--tries", type=int, default=TRIES, help="consecutive tries without progress (default: %(default)s)"
    )
    parser.add_argument(
        "--wait", type=float, default=WAIT, help="seconds before the second try (default: %(default)s)"
    )


class Trouble(Exception):
    """One try that did not succeed.

    Parameters
    ----------
    reason
        What happened, in a few words.
    final
        Error that is raised after too many such tries; by default `DownloadFailed` with the reason.
    tries
        Number of such tries in a row after which `final` is raised; by default the caller's limit.
    wait
        Seconds that the server asked the client to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        final: WeightfitError | None = None,
        tries: int | None = None,
        wait: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final
        self.tries = tries
        self.wait = wait


class Tries:
    """Counts the tries of one download or query, and waits between them.

    Parameters
    ----------
    errand
        Description of what is being fetched, for messages.
    limit
        Largest number of consecutive tries without progress.
    wait
        Seconds before the second try.
    """

    def __init__(self, errand: str, limit: int = TRIES, wait: float = WAIT) -> None:
        self._errand = errand
        self._limit = limit
        self._wait = wait
        self._failed: Counter[bool] = Counter()

    def progressed(self) -> None:
        """Start counting from zero again, because there was progress."""
        self._failed.clear()

    def failed(self, trouble: Trouble) -> None:
        """Count a failed try and wait for the next one.

        Raises
        ------
        WeightfitError
            If that was the last try, or the server asks for a wait that is too long.
        """
        lasting = trouble.tries is not None
        limit = min(trouble.tries or self._limit, self._limit)
        self._failed[lasting] += 1
        count = self._failed[lasting]
        if count >= limit:
            raise trouble.final or DownloadFailed(
                f"{self._errand}: {trouble.reason} ({count} tries without progress): {RUN_AGAIN}"
            )
        wait = max(self._wait * 2 ** (self._failed.total() - 1), trouble.wait or 0.0)
        if wait > LONGEST_WAIT:
            raise DownloadFailed(
                f"{self._errand}: {trouble.reason} and asks to wait {wait:.0f} s: run the same command again after that"
            )
        print(f"{self._errand}: {trouble.reason}; next try in {wait:g} s")
        time.sleep(wait)


def trouble_of(error: httpx2.HTTPError, subject: str, mirror: str | None = None) -> Trouble:
    """Return the `Trouble` that an exception of a request means.

    Parameters
    ----------
    error
        Exception of huggingface_hub or of the HTTP client that it uses.
    subject
        Description of what was asked for, for messages.
    mirror
        Repository that the cohort file declares as a replacement for a gated one.
    """
    if isinstance(error, HfHubHTTPError):
        return _of_status(error, subject, mirror)
    if isinstance(error, httpx2.TimeoutException):
        return Trouble(f"no answer for {TIMEOUT} s")
    if isinstance(error, httpx2.TransportError):
        return Trouble(_words(error))
    final = DownloadFailed(f"{subject}: {_words(error)}: check HF_ENDPOINT and proxies")
    return Trouble(_words(error), final=final, tries=1)


def _words(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[0].lower() + text[1:]


def _of_status(error: HfHubHTTPError, subject: str, mirror: str | None) -> Trouble:
    # str(error) is never shown, because it contains signed URLs.
    response = error.response
    status = response.status_code
    if status in PASSING:
        return Trouble(f"the server answers {status}", wait=_asked_wait(response))
    if not is_endpoint(response.request.url):
        return Trouble(f"the storage behind the Hub answers {status}, as for an expired address")
    if response.headers.get("X-Error-Message") == "Invalid credentials in Authorization header":
        final: WeightfitError = DownloadFailed(
            f"{subject}: the Hub does not know the token: correct HF_TOKEN or log in again with `hf auth login`"
        )
        return Trouble("the Hub does not know the token", final=final, tries=1)
    if status in REFUSALS:
        refusal = _refusal(error, status, subject, mirror)
        return Trouble(refusal.reason, final=refusal, tries=FRESH_TRIES)
    final = DownloadFailed(f"{subject}: the server answers {status}: check HF_ENDPOINT and the cohort file")
    return Trouble(f"the server answers {status}", final=final, tries=1)


def _asked_wait(response: httpx2.Response) -> float | None:
    limit = parse_ratelimit_headers(response.headers)
    if response.status_code == 429 and limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds + 1.0  # the header gives whole seconds
    asked = response.headers.get("Retry-After", "").strip()
    return float(asked) if asked.isdecimal() else None


def _refusal(error: HfHubHTTPError, status: int, subject: str, mirror: str | None) -> Unavailable:
    readable = "set HF_TOKEN to a token that may read it"
    match error:
        case GatedRepoError():
            why = "and this token has no access" if status == 403 else "and no token was sent"
            instead = f", or name its mirror {mirror} as the repository in the cohort file" if mirror else ""
            return Unavailable(
                f"{subject} is gated {why} ({status})",
                f"accept the licence on its page and set HF_TOKEN to a token of that account{instead}",
            )
        case RepositoryNotFoundError():
            return Unavailable(
                f"{subject} does not exist or is private ({status})", f"correct its name or {readable}"
            )
        case RevisionNotFoundError() | RemoteEntryNotFoundError():
            return Unavailable(
                f"{subject} does not exist ({status})",
                "correct the name of the repository or revision, or make its pins again",
            )
        case DisabledRepoError():
            return Unavailable(f"{subject} is disabled by the Hub ({status})", "choose another repository")
        case _:
            return Unavailable(f"{subject} is refused ({status})", readable)
