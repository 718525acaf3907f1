"""A server that speaks the Hub's protocol: hub and CDN on two loopback ports, and faults by script.

The hub answers the API and redirects downloads of large files to signed URLs of the CDN that expire. Every
request is recorded. A fault is consumed by the next requests that it fits; see `Fault`.
"""

import hashlib
import hmac
import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from hub_contents import Content, Repository

KINDS = {"models": "model", "datasets": "dataset"}
PIECE = 1 << 16


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests to ``where``.

    Parameters
    ----------
    where
        ``api``, ``head``, ``get`` (of a small file, or the redirect of a large one) or ``cdn``.
    kind
        ``status`` (answer ``status`` with ``headers``), ``headers`` (replace these headers; None removes one),
        ``flip`` (one bit of the byte at ``at``), ``cut`` (close after byte ``at`` of the file), ``short`` (a body
        in chunks that ends, as if whole, after byte ``at``), ``long`` (a body in chunks with ``at`` bytes too
        many), ``reset`` (a TCP reset after byte ``at``), ``stall`` (silence of ``seconds`` after byte ``at``),
        ``whole`` (ignore the Range; with ``at``, close after it), ``shift`` (answer another range, ``at`` bytes
        later) or ``page`` (a page of HTML).
    times
        None for ever.
    path
        Only requests whose path holds this text.
    """

    where: str
    kind: str
    times: int | None = 1
    path: str = ""
    at: int = 0
    status: int = 500
    seconds: float = 0.0
    headers: Mapping[str, str | None] = field(default_factory=dict)


@dataclass
class Request:
    """One request as the server saw it; ``sent`` counts the bytes of the body of the answer."""

    where: str
    method: str
    path: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0

    def __str__(self) -> str:
        span = f" {self.headers['range']}" if "range" in self.headers else ""
        return f"{self.where}{span} {self.status}"


class Hub:
    """The two servers and what they serve.

    Attributes
    ----------
    endpoint : str
        For HF_ENDPOINT.
    tokens : dict of str to set of str
        Every valid token, and the gated repositories that it opens.
    lifetime : float
        Seconds for which a signed URL is good.
    caches : bool
        Whether small files are redirected within the hub, as the Hub does since 2025.
    xet : bool
        Whether answers offer the other protocol of the Hub, which the workflow does not use.
    released : threading.Event
        Ends every stall.
    requests : list of Request
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.tokens: dict[str, set[str]] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lifetime = 3600.0
        self.caches = False
        self.xet = False
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._servers = [_Server(self, _HubHandler), _Server(self, _CdnHandler)]
        self.endpoint, self.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.released.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def add(
        self,
        name: str,
        files: Mapping[str, bytes | Path],
        branch: str = "main",
        *,
        kind: str = "model",
        gated: bool = False,
    ) -> str:
        """Commit files to a branch, which moves if it is there; return the commit."""
        repository = self.repositories.setdefault((kind, name), Repository(name, kind, gated))
        return repository.commit(branch, files)

    def fault(self, where: str, kind: str, **arguments: object) -> None:
        """Add a fault to the script."""
        self.faults.append(Fault(where, kind, **arguments))  # type: ignore[arg-type]

    def take_fault(self, where: str, path: str) -> Fault | None:
        """Return the first fault that fits a request, and count it down."""
        with self._lock:
            for fault in self.faults:
                if fault.where == where and fault.path in path and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def record(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def seen(self, where: str = "") -> list[str]:
        """Return the requests in short: where, Range and status."""
        return [str(request) for request in self.requests if where in request.where]

    def sign(self, path: str, expires: str) -> str:
        return hmac.new(b"key of the test", f"{path} {expires}".encode(), hashlib.sha256).hexdigest()


class _Server(ThreadingHTTPServer):
    def __init__(self, hub: Hub, handler: type["_Handler"]) -> None:
        self.hub = hub
        super().__init__(("127.0.0.1", 0), handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that is killed breaks its connection, as it should."""


class _Handler(BaseHTTPRequestHandler):
    """What both servers share: answers and bodies, with the faults."""

    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def hub(self) -> Hub:
        return self.server.hub

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class's own name)
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def begin(self, where: str) -> Fault | None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Request(where, self.command, self.path, headers)
        self.hub.record(self.request_seen)
        return self.hub.take_fault(where, self.path)

    def answer(self, status: int, headers: Mapping[str, str | None], body: bytes = b"") -> None:
        self.request_seen.status = status
        self.send_response(status)
        headers = {"Content-Length": str(len(body))} | dict(headers)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str | None, message: str, **headers: str | None) -> None:
        named = {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"}
        self.answer(status, named | headers, json.dumps({"error": message}).encode())

    def failed(self, fault: Fault | None) -> bool:
        """Answer a fault that needs no file; return whether it was one."""
        if (
            fault is None
            or fault.kind not in ("status", "page", "stall")
            or (fault.kind == "stall" and fault.at)
        ):
            return False
        if fault.kind == "stall":
            self.hub.released.wait(fault.seconds)
            self.close_connection = True
        elif fault.kind == "page":
            self.answer(200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Log in</title>")
        else:
            self.answer(fault.status, fault.headers, json.dumps({"error": "by script"}).encode())
        return True

    def serve(self, content: Content, headers: Mapping[str, str | None], fault: Fault | None) -> None:
        """Answer with a file, or the range of it that was asked for."""
        span = self.headers.get("Range")
        begin, end, status = 0, content.size, 200
        if span and not (fault and fault.kind == "whole"):
            first, _, last = span.removeprefix("bytes=").partition("-")
            begin = int(first)
            end, status = min(int(last) + 1, content.size) if last else content.size, 206
            if begin >= content.size:
                self.answer(416, {"Content-Range": f"bytes */{content.size}"})
                return
            if fault and fault.kind == "shift":
                begin += fault.at
        headers = dict(headers) | {"Content-Length": str(end - begin), "Accept-Ranges": "bytes"}
        if status == 206:
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{content.size}"
        if fault and fault.kind in ("short", "long"):
            headers |= {"Content-Length": None, "Transfer-Encoding": "chunked"}
        if fault and fault.kind == "headers":
            headers |= fault.headers
        self.answer(status, headers)
        if self.command != "HEAD":
            self.body(content, begin, end, fault)

    def body(self, content: Content, begin: int, end: int, fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if fault and kind in ("short", "long"):
            data = content.read(begin, min(end, fault.at) if kind == "short" else end)
            data += b"\0" * (fault.at if kind == "long" else 0)
            self.wfile.write((b"%x\r\n%s\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n")
            self.request_seen.sent += len(data)
        elif fault and (kind in ("cut", "reset", "stall") or (kind == "whole" and fault.at)):
            self.send(content, begin, min(end, fault.at))
            self.close_connection = True
            if kind == "stall":
                self.hub.released.wait(fault.seconds)
            if (
                kind == "reset"
            ):  # no time to linger: the kernel sends RST instead of FIN, and unread bytes are lost
                time.sleep(0.3)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.wfile.close()
                self.connection.close()
        elif fault and kind == "flip" and begin <= fault.at < end:
            self.send(content, begin, fault.at)
            self.wfile.write(bytes([content.read(fault.at, fault.at + 1)[0] ^ 1]))
            self.send(content, fault.at + 1, end)
        else:
            self.send(content, begin, end)

    def send(self, content: Content, begin: int, end: int) -> None:
        if isinstance(content.data, Path):
            with content.data.open("rb") as file:
                while begin < end:
                    sent = self.connection.sendfile(file, begin, min(end - begin, 1 << 26))
                    begin += sent
                    self.request_seen.sent += sent
            return
        while begin < end:
            data = content.read(begin, min(end, begin + PIECE))
            self.wfile.write(data)
            begin += len(data)
            self.request_seen.sent += len(data)


class _HubHandler(_Handler):
    """The API, and the addresses of files."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if path == "/api/agent-harnesses":
            self.begin("telemetry")
            self.answer(200, {}, b'{"standardEnvVars":[],"harnesses":{}}')
        elif parts[0] == "api" and parts[1] == "resolve-cache":
            self.file(KINDS[parts[2]], "/".join(parts[3:5]), parts[5], "/".join(parts[6:]), cached=True)
        elif parts[0] == "api":
            self.api(KINDS[parts[1]], "/".join(parts[2:4]), parts[4:])
        else:
            kind = "dataset" if parts[0] == "datasets" else "model"
            parts = parts[1:] if kind == "dataset" else parts
            self.file(kind, "/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def opened(self, kind: str, name: str) -> Repository | None:
        """Return the repository if the request may see it; else answer why not."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.tokens:
            self.refuse(401, None, "Invalid credentials in Authorization header")
            return None
        repository = self.hub.repositories.get((kind, name))
        if repository is None:
            self.refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif repository.gated and name not in self.hub.tokens.get(token, ()):
            self.refuse(403 if token else 401, "GatedRepo", f"Access to {kind} {name} is restricted.")
        else:
            return repository
        return None

    def api(self, kind: str, name: str, rest: list[str]) -> None:
        fault = self.begin("api")
        if self.failed(fault):
            return
        repository = self.opened(kind, name)
        if repository is None:
            return
        what, revision = (rest[0], rest[1] if len(rest) > 1 else "main") if rest else ("revision", "main")
        if what == "refs":
            branches = [
                {"name": branch, "ref": f"refs/heads/{branch}", "targetCommit": commit}
                for branch, commit in repository.branches.items()
            ]
            self.answer(200, {}, json.dumps({"branches": branches, "converts": [], "tags": []}).encode())
            return
        commit = repository.resolve(revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        files = repository.commits[commit]
        if what == "tree":
            document: object = [item.listed(path) for path, item in files.items()]
        else:
            siblings = [item.described(path) for path, item in files.items()]
            if "blobs" not in parse_qs(urlsplit(self.path).query):
                siblings = [{"rfilename": path} for path in files]
            gated = "manual" if repository.gated else False
            document = {"id": name, "sha": commit, "gated": gated, "private": False, "siblings": siblings}
        self.answer(200, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def file(self, kind: str, name: str, revision: str, path: str, cached: bool = False) -> None:
        fault = self.begin("head" if self.command == "HEAD" else "get")
        if self.failed(fault):
            return
        repository = self.opened(kind, name)
        if repository is None:
            return
        commit = repository.resolve(revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        content = repository.commits[commit].get(path)
        if content is None:
            self.refuse(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": commit})
            return
        headers: dict[str, str | None] = {"X-Repo-Commit": commit, "ETag": f'"{content.etag}"'}
        if content.lfs:
            headers |= {"X-Linked-Etag": f'"{content.sha256}"', "X-Linked-Size": str(content.size)}
            self.redirect(302, headers, self.signed(content), fault)
        elif self.hub.caches and not cached:
            place = f"/api/resolve-cache/{kind}s/{name}/{commit}/{quote(path)}"
            self.redirect(307, headers, place, fault)
        else:
            self.serve(content, headers, fault)

    def redirect(self, status: int, headers: dict[str, str | None], place: str, fault: Fault | None) -> None:
        headers["Location"] = place
        if self.hub.xet:
            headers |= {"X-Xet-Hash": "0" * 64, "X-Xet-Refresh-Route": f"{self.hub.endpoint}/xet-read-token"}
        if fault and fault.kind == "headers":
            headers |= fault.headers
        self.answer(status, headers, f"Found. Redirecting to {place}".encode())

    def signed(self, content: Content) -> str:
        expires = repr(time.time() + self.hub.lifetime)
        path = f"/repos/{content.sha256}"
        return f"{self.hub.cdn}{path}?Expires={expires}&Signature={self.hub.sign(path, expires)}"


class _CdnHandler(_Handler):
    """The large files, for whoever has a signed URL that has not expired."""

    def do_GET(self) -> None:
        fault = self.begin("cdn")
        if self.failed(fault):
            return
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        expires, signature = query["Expires"][0], query["Signature"][0]
        good = hmac.compare_digest(self.hub.sign(address.path, expires), signature)
        if not good or float(expires) < time.time():
            page = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            self.answer(403, {"Content-Type": "application/xml"}, page)
            return
        digest = address.path.rpartition("/")[2]
        contents = (
            item
            for repository in self.hub.repositories.values()
            for files in repository.commits.values()
            for item in files.values()
        )
        content = next(item for item in contents if item.sha256 == digest)
        self.serve(content, {"ETag": f'"{digest[:32]}"'}, fault)
