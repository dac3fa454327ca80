"""A server that answers a little at a time: each drop comes soon, the answer's end does not."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

DROP, DROPS = 0.1, 30
WAYS = ("head", "body", "body of no stated length")


def _read(line: socket.socket) -> None:
    """The whole question: what is left unread when a line is closed breaks off the answer."""
    head = b""
    while b"\r\n\r\n" not in head:
        if not (more := line.recv(2**16)):
            return
        head += more
    head, _, body = head.partition(b"\r\n\r\n")
    lengths = [each.split(b":")[1] for each in head.lower().split(b"\r\n") if each.startswith(b"content-length:")]
    left = int(lengths[0]) - len(body) if lengths else 0
    while left > 0 and (more := line.recv(2**16)):
        left -= len(more)


@contextmanager
def dripping(way: str, whole: bytes = b'{"id": "1"}') -> Iterator[tuple[str, list[int]]]:
    """Its address, and afterwards how many drops of each answer were sent: fewer than DROPS where the line was cut.

    That counts and not the time, since a busy machine may hold up whoever keeps the time.
    """
    sent: list[int] = []
    lines: list[threading.Thread] = []

    def drip(line: socket.socket) -> None:
        drops = 0
        with line, suppress(OSError):
            _read(line)
            line.sendall(b"HTTP/1.1 200 OK\r\n")
            if way != "head":
                length = b"" if "no stated" in way else b"Content-Length: %d\r\n" % (DROPS + len(whole))
                line.sendall(length + b"Connection: close\r\n\r\n")
            for _ in range(DROPS):
                line.sendall(b"X-Drop: 1\r\n" if way == "head" else b" ")
                drops += 1
                time.sleep(DROP)
            if way == "head":
                line.sendall(b"Content-Length: %d\r\n\r\n" % len(whole))
            line.sendall(whole)
        sent.append(drops)

    def listen(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                lines.append(threading.Thread(target=drip, args=[listening.accept()[0]], daemon=True))
                lines[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=listen, args=[listening], daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", sent
        listening.shutdown(socket.SHUT_RDWR)
    for line in lines:
        line.join()
