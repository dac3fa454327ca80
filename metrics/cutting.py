"""Answers that must end: httpx waits anew for each drop in which an answer comes."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


@contextmanager
def cut_after(seconds: float) -> Iterator[dict[str, Any]]:
    """The extensions of a request whose connections are shut down then."""
    opened: list[Any] = []

    def shut() -> None:
        for stream in opened:
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def note(event: str, told: dict[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            opened.append(told["return_value"])

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield {"trace": note}
    finally:
        timer.cancel()
