"""One HTTP request: with a time limit, without retries, TLS verified, and no redirect to another host."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from keras_consistency_cli.text import clean
from keras_consistency_cli.workers.endpoints.errors import EndpointError
from keras_consistency_cli.workers.endpoints.protocols.binary import HEADER_LENGTH

__all__ = ["Reply", "send"]

_MOST_BYTES = 64 * 2**20
_CHUNK = 2**16
_MOST_REDIRECTS = 3
_REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The status and the body of an answer; `header_length` says how much of a binary one is JSON."""

    status: int
    body: bytes
    header_length: str = ""


def send(method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], deadline: float) -> Reply:
    """Send one request and return the reply, whatever its status is.

    Args:
        method: GET or POST.
        url: the URL.
        body: what is sent, if anything.
        headers: the headers.
        deadline: the time of `time.monotonic` at which the whole reply is due.

    Raises:
        EndpointError: no connection, no answer in time, too long an answer, or a redirect to another host.
    """
    for _ in range(_MOST_REDIRECTS + 1):
        reply, location = _send_once(method, url, body=body, headers=headers, deadline=deadline)
        if reply.status not in _REDIRECTS or not location:
            return reply
        url = _redirected(url, location)
        if reply.status in (301, 302, 303) and method != "GET":
            raise EndpointError(f"it answers {reply.status}: the request would become a GET")
    raise EndpointError(f"it redirects more than {_MOST_REDIRECTS} times")


def _redirected(url: str, location: str) -> str:
    """Return the URL that a redirect names, if it is on the same host."""
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
    except ValueError as error:
        raise EndpointError("it redirects to something that is not a URL") from error
    if (new.scheme, new.netloc) != (old.scheme, old.netloc):
        where = clean(f"{new.scheme}://{new.netloc.rpartition('@')[2]}", 80)
        raise EndpointError(f"it redirects to a different host ({where}), which is not followed")
    return target


def _send_once(
    method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], deadline: float
) -> tuple[Reply, str]:
    parts = urlsplit(url)
    left = max(deadline - time.monotonic(), 0.001)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=left, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=left)
    path = parts.path or "/"
    try:
        connection.request(method, f"{path}?{parts.query}" if parts.query else path, body, dict(headers))
        answer = connection.getresponse()
        length = answer.getheader(HEADER_LENGTH) or ""
        reply = Reply(status=answer.status, body=_read(answer, deadline), header_length=length)
        return reply, answer.getheader("Location") or ""
    except TimeoutError as error:
        raise EndpointError("it did not answer in time") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = clean(error, 120) or type(error).__name__
        raise EndpointError(f"it cannot be reached: {reason}") from error
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := answer.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise EndpointError(f"its answer is longer than {_MOST_BYTES // 2**20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)
