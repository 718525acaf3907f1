"""The HTTP client of every request: it sends the token to the endpoint's origin only, and limits every wait."""

import httpx2
from huggingface_hub import constants, set_client_factory

from weightfit.errors import DownloadFailed

TIMEOUT = constants.HF_HUB_DOWNLOAD_TIMEOUT
"""Seconds without a byte after which a request counts as failed; HF_HUB_DOWNLOAD_TIMEOUT sets them."""


def is_endpoint(url: httpx2.URL) -> bool:
    """Return whether a URL has the origin of the endpoint: its scheme, host and port."""
    endpoint = httpx2.URL(constants.ENDPOINT)
    return (url.scheme, url.host, url.port) == (endpoint.scheme, endpoint.host, endpoint.port)


def _before_request(request: httpx2.Request) -> None:
    if constants.is_offline_mode():
        raise DownloadFailed(
            f"{request.url.host}: HF_HUB_OFFLINE forbids requests and the file is not in the Hub cache: "
            "unset it and run again"
        )
    if not is_endpoint(request.url):
        request.headers.pop("authorization", None)


def _client() -> httpx2.Client:
    return httpx2.Client(
        event_hooks={"request": [_before_request]}, follow_redirects=True, timeout=httpx2.Timeout(TIMEOUT)
    )


# By default huggingface_hub sends the token to huggingface.co too if another endpoint redirects there.
set_client_factory(_client)
