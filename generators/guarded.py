"""HTTP towards servers that answers name: no way into the house's own network, no redirects, no endless answers.

An address is called when it is on a server that the operator listed; any other must be https and resolve to addresses
of the public internet alone, and the connection goes to the very address that was checked (a name that resolves
otherwise a moment later changes nothing).
"""

import ipaddress
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
    """A client for one server of the operator's. Errors are GeneratorErrors that name the server.

    It waits `seconds` for each drop of an answer, and for the whole of it, tries included, until `until` (of
    time.monotonic).
    """

    def __init__(self, name: str, base: str, key: str = "", seconds: float = 60) -> None:
        self.name, self.base, self.seconds = name, httpx.URL(base.rstrip("/")), seconds
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        once = httpx.Limits(max_keepalive_connections=0)  # a connection is one request's: it may be cut
        self.own = httpx.Client(headers=headers, limits=once, follow_redirects=False, trust_env=False)
        self.foreign = httpx.Client(limits=once, follow_redirects=False, trust_env=False)

    def json(self, method: str, path: str, *, until: float, watch: Watch = unwatched, **content: Any) -> Any:
        """What the server answers, at most 64 MiB of JSON."""
        body = self.bytes(method, path, most=64 * 2**20, until=until, watch=watch, **content)
        try:
            return httpx.Response(200, content=body).json()
        except ValueError as error:
            raise GeneratorError(f"server {self.name}: {path} answered with no JSON") from error

    def bytes(
        self, method: str, where: str, *, most: int, until: float, watch: Watch = unwatched, **content: Any
    ) -> bytes:
        """The body, at most `most` bytes. Tried again while the server is busy or away; POST only if unheard."""
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                with self._answer(method, where, until, content) as answer:
                    if answer.status_code in TRANSIENT and not last:
                        _pause(attempt, answer.headers.get("Retry-After", ""), watch)
                        continue
                    if answer.is_redirect:
                        raise GeneratorError(f"server {self.name}: {where} redirects elsewhere, which is not followed")
                    if answer.is_error:
                        raise GeneratorError(
                            f"server {self.name}: {where} answered {answer.status_code}{_said(answer)}"
                        )
                    body = _body(answer, most, f"server {self.name}: {where}", watch)
                    if time.monotonic() < until:  # else it may end where it was cut
                        return body
                    raise httpx.ReadTimeout("cut")
            except httpx.HTTPError as error:
                if time.monotonic() >= until:
                    raise GeneratorError(f"server {self.name}: {where} was broken off: its time was over") from error
                unheard = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last and unheard:
                    raise GeneratorError(f"server {self.name} cannot be reached: {error}") from error
                if last or (method == "POST" and not unheard):
                    raise GeneratorError(
                        f"server {self.name}: {where} failed: {type(error).__name__} {error}"
                    ) from error
            _pause(attempt, "", watch)
        raise AssertionError("unreachable")

    @contextmanager
    def _answer(self, method: str, where: str, until: float, content: dict[str, Any]) -> Iterator[httpx.Response]:
        url = httpx.URL(where) if "://" in where else httpx.URL(f"{self.base}{where}")
        with cut_at(until) as extensions:
            patience = max(0.001, min(self.seconds, until - time.monotonic()))
            if (url.scheme, url.host, url.port) == (self.base.scheme, self.base.host, self.base.port):
                client, content = self.own, content | {"extensions": extensions}
            else:
                extensions["sni_hostname"] = url.host
                client, content = self.foreign, {"headers": {"Host": url.netloc.decode()}, "extensions": extensions}
                url = url.copy_with(host=checked(url, self.name))
            with client.stream(method, url, timeout=patience, **content) as answer:
                yield answer


@contextmanager
def cut_at(until: float) -> Iterator[dict[str, Any]]:
    """Gives the extensions of one request over a connection of its own, which is shut down at `until` (of
    time.monotonic): httpx itself waits anew for each drop in which an answer comes."""
    opened: list[Any] = []

    def shut() -> None:
        for stream in opened:
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def note(event: str, told: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            opened.append(told["return_value"])
            if time.monotonic() >= until:
                shut()

    timer = threading.Timer(max(0.0, until - time.monotonic()), shut)
    timer.start()
    try:
        yield {"trace": note}
    finally:
        timer.cancel()


def refuse_at_sight(url: httpx.URL, name: str) -> None:
    """Raises GeneratorError for what `checked` refuses without looking a name up."""
    if url.scheme != "https" or not url.host:
        raise GeneratorError(f"server {name} points to {url.scheme}://{url.host}: only https is followed elsewhere")
    host = url.host.rstrip(".").lower()
    try:
        written = {str(entry[4][0]) for entry in socket.getaddrinfo(host, 443, flags=socket.AI_NUMERICHOST)}
    except (OSError, UnicodeError):
        written = set()
    if host == "localhost" or host.endswith(".localhost") or not all(map(public, written)):
        raise GeneratorError(f"server {name} points to {url.host}, which is no address of the public internet")


def checked(url: httpx.URL, name: str) -> str:
    """The public address that an https URL leads to. Raises GeneratorError for every other."""
    refuse_at_sight(url, name)
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
