"""A stranger's file is decoded in a process of its own first: with a limit on memory, time, open files and writing.

Whatever a broken or hostile file makes a decoder do happens there; the caller gets a sentence. The process reads by
`generators.video.read`, so the same formats, codecs and sizes are accepted.
"""

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from generators.video import MediaError, read


@dataclass(frozen=True)
class Limits:
    """Seconds of processor time (three times as many may pass in all) and bytes of address space."""

    seconds: int = 60
    memory: int = 8 * 2**30


def inspect(path: Path, limits: Limits = Limits()) -> None:
    """Decode the file in a limited process, and forget what came out. Raises MediaError with the file's name."""
    command = [sys.executable, "-m", "generators.inspection", str(path.resolve())]
    command += [str(limits.seconds), str(limits.memory)]
    home = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=3 * limits.seconds,
            cwd=home,
            env={"PYTHONPATH": str(home)},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MediaError(f"{path}: decoding took longer than {3 * limits.seconds} s") from None
    if done.returncode == 0:
        return
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode == 1 and said:
        raise MediaError(json.loads(said))
    raise MediaError(
        f"{path}: decoding it broke off (limits: {limits.seconds} s, {limits.memory / 2**30:.1f} GiB); re-encode it, "
        "for instance as H.264"
    )


def _confine(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> int:
    """Exit status 0: it can be read; 1: it cannot, and why, as JSON on standard output."""
    path, seconds, memory = sys.argv[1:]
    _confine(int(seconds), int(memory))
    try:
        read(Path(path))
    except MediaError as error:
        print(json.dumps(str(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
