"""HTTP towards servers that answers name: no way into the house's own network, no redirects, no endless bodies.

An address is called when it is on a server that the operator listed; any other must be https and resolve to addresses
of the public internet alone, and the connection goes to the very address that was checked (a name that resolves
otherwise a moment later changes nothing).
"""

import ipaddress
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from generators import GeneratorError, Watch, unwatched

TRIES = 4
TRANSIENT = (429, 502, 503, 504)
CLOSED = [
    ipaddress.ip_network(network)
    for network in ("100.64.0.0/10", "192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]
"""Shared, translated and tunnelled addresses, which lead elsewhere than they say (RFC 6598, 6052, 3056, 4380)."""


class Guarded:
    """A client for one server of the operator's. Errors are GeneratorErrors that name the server."""

    def __init__(self, name: str, base: str, key: str = "", seconds: float = 60) -> None:
        self.name, self.base = name, httpx.URL(base.rstrip("/"))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.own = httpx.Client(headers=headers, timeout=seconds, follow_redirects=False, trust_env=False)
        self.foreign = httpx.Client(timeout=seconds, follow_redirects=False, trust_env=False)

    def json(self, method: str, path: str, watch: Watch = unwatched, **content: Any) -> Any:
        """What the server answers, at most 64 MiB of JSON."""
        body = self.bytes(method, path, most=64 * 2**20, watch=watch, **content)
        try:
            return httpx.Response(200, content=body).json()
        except ValueError as error:
            raise GeneratorError(f"server {self.name}: {path} answered with no JSON") from error

    def bytes(self, method: str, where: str, *, most: int, watch: Watch = unwatched, **content: Any) -> bytes:
        """The body, at most `most` bytes. Tried again while the server is busy or away; POST only if unheard."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                with self._answer(method, where, content) as answer:
                    if answer.status_code in TRANSIENT and not last:
                        _pause(attempt, answer.headers.get("Retry-After", ""), watch)
                        continue
                    if answer.is_redirect:
                        raise GeneratorError(f"server {self.name}: {where} redirects elsewhere, which is not followed")
                    if answer.is_error:
                        raise GeneratorError(
                            f"server {self.name}: {where} answered {answer.status_code}{_said(answer)}"
                        )
                    return _body(answer, most, f"server {self.name}: {where}", watch)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if last:
                    raise GeneratorError(f"server {self.name} cannot be reached: {error}") from error
            except httpx.HTTPError as error:
                if last or method == "POST":
                    raise GeneratorError(
                        f"server {self.name}: {where} failed: {type(error).__name__} {error}"
                    ) from error
            _pause(attempt, "", watch)
        raise AssertionError("unreachable")

    @contextmanager
    def _answer(self, method: str, where: str, content: dict[str, Any]) -> Iterator[httpx.Response]:
        url = httpx.URL(where) if "://" in where else httpx.URL(f"{self.base}{where}")
        if (url.scheme, url.host, url.port) == (self.base.scheme, self.base.host, self.base.port):
            with self.own.stream(method, url, **content) as answer:
                yield answer
            return
        address = checked(url, self.name)
        headers = {"Host": url.netloc.decode()}
        pinned = url.copy_with(host=address)
        with self.foreign.stream(method, pinned, headers=headers, extensions={"sni_hostname": url.host}) as answer:
            yield answer


def checked(url: httpx.URL, name: str) -> str:
    """The public address that an https URL leads to. Raises GeneratorError for every other."""
    if url.scheme != "https" or not url.host:
        raise GeneratorError(f"server {name} points to {url.scheme}://{url.host}: only https is followed elsewhere")
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(url.host, url.port or 443, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise GeneratorError(f"server {name} points to {url.host}, which has no address") from error
    for address in found:
        if not public(str(address)):
            raise GeneratorError(f"server {name} points to {url.host}, which is no address of the public internet")
    return str(sorted(found, key=str)[0])


def public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    return not any(parsed.version == network.version and parsed in network for network in CLOSED)


def _body(answer: httpx.Response, most: int, who: str, watch: Watch) -> bytes:
    parts, size = [], 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > most:
            raise GeneratorError(f"{who} sent more than {most // 2**20} MiB: it was cut off")
        parts.append(part)
        watch(0.0)
    return b"".join(parts)


def _said(answer: httpx.Response) -> str:
    """The server's reason, shortened; it is shown to organizers, so that they can act on it."""
    words = b"".join(part for part, _ in zip(answer.iter_bytes(), range(4), strict=False))[:500].decode(
        errors="replace"
    )
    return f": {words.strip()}" if words.strip() else ""


def _pause(attempt: int, asked: str, watch: Watch) -> None:
    seconds = min(60.0, float(asked)) if asked.isdigit() else 0.25 * 2**attempt * (1 + random.random())
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        watch(0.0)
        time.sleep(min(0.2, seconds))
