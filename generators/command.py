"""`command`: any program of the operator's makes the clips, in an environment or container of its own.

GENERATOR_COMMANDS lists what recipes may name: {"show-1": {"arguments": ["/opt/show-1/bin/python", "run.py"],
"resident": true, "seconds": 1800, "memory_gib": 64}}. A job is one line of JSON on the program's standard input, and
the file that stands for `{job}` among its arguments (for one that reads no input):

    {"prompt": …, "seed": …, "negative": …, "frames": …, "fps": …, "width": …, "height": …, "image": …, "options": …,
     "output": …}

The program writes a video, an image or frames as *.png into the folder `output`, and may say on its standard output,
one JSON object a line: {"progress": 0.5}, {"done": true, "facts": {…}, "fps": 24} or {"error": why}. Other lines are
ignored. A one-shot program is started for each clip and ends with 0; a resident one stays, with its weights loaded,
reads a line for each clip and must answer with `done` or `error`; it ends when its input does.
"""

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from generators import Capabilities, GeneratorError, Take, Watch, leash, operators, unwatched

LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 5.0
LAST_WORDS = 2_000
"""Characters of the program's standard error that an error quotes."""


class Program(BaseModel):
    """An entry of GENERATOR_COMMANDS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arguments: tuple[str, ...] = Field(min_length=1)
    folder: str | None = None
    environment: dict[str, str] = Field(default_factory=dict, description="besides PATH, HOME, LANG and CUDA_*")
    resident: bool = False
    seconds: float = Field(
        default=3600, gt=0, description="for one clip; a resident one's first may take twice as long"
    )
    memory_gib: float | None = Field(default=None, gt=0, description="resident memory of all its processes together")


class Settings(operators.FromImage):
    """A recipe of `command`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    program: str = Field(description="a name in the operator's GENERATOR_COMMANDS")
    negative: str | None = None
    frames: int | None = Field(default=None, ge=1, le=2000)
    fps: float | None = Field(default=None, gt=0, le=120, description="needed where the program's file does not say it")
    width: int | None = Field(default=None, ge=16, le=4096)
    height: int | None = Field(default=None, ge=16, le=4096)
    options: dict[str, JsonValue] = Field(default_factory=dict, description="handed to the program as they are")


CommandRecipe = Settings  # inside the class, Settings is its attribute


class Command:
    """The generator. One resident process per program, kept for the next clip."""

    Settings: type[BaseModel] = Settings
    capabilities = Capabilities(negative=True, progress=True, cancel=True)

    def __init__(self) -> None:
        self._residents: dict[str, tuple[Program, _Process]] = {}
        self._alone: dict[str, threading.Lock] = {}
        self._starting = ThreadPoolExecutor(1)  # a child dies with the thread that started it: this one stays
        atexit.register(self.close)

    def weights_key(self, recipe: CommandRecipe) -> str:
        return f"command:{recipe.program}"

    def preflight(self, recipe: CommandRecipe) -> dict[str, Any]:
        """Is the program there? Raises GeneratorError."""
        program = operators.entry("GENERATOR_COMMANDS", recipe.program, Program)
        if not Path(program.arguments[0]).is_file():
            raise GeneratorError(f"program {recipe.program}: there is no file {program.arguments[0]} on this machine")
        return {"resident": program.resident}

    def generate(self, prompt: str, seed: int, recipe: CommandRecipe, watch: Watch = unwatched) -> Take:
        program = operators.entry("GENERATOR_COMMANDS", recipe.program, Program)
        with self._alone.setdefault(recipe.program, threading.Lock()), tempfile.TemporaryDirectory() as folder:
            output, job = Path(folder) / "output", Path(folder) / "job.json"
            output.mkdir()
            told = recipe.model_dump(mode="json", exclude={"program"}) | {"prompt": prompt, "seed": seed}
            job.write_text(json.dumps(told | {"output": str(output)}), encoding="utf-8")
            try:
                return _take(recipe, output, self._said(recipe.program, program, job, watch))
            except GeneratorError as error:  # in the same words for the same reason, whichever clip it befalls
                raise GeneratorError(str(error).replace(f"{folder}/", "")) from error

    def close(self) -> None:
        """End the resident programs."""
        for _, process in self._residents.values():
            process.kill()
        self._residents.clear()

    def _said(self, name: str, program: Program, job: Path, watch: Watch) -> dict[str, Any]:
        process, limit = self._process(name, program, job)
        try:
            return process.do(job, limit, watch)
        except BaseException:
            self._residents.pop(name, None)
            raise
        finally:
            if name not in self._residents:
                process.kill()

    def _process(self, name: str, program: Program, job: Path) -> tuple["_Process", float]:
        if kept := self._residents.get(name):
            if kept[0] == program and kept[1].running:
                return kept[1], program.seconds
            kept[1].kill()
            del self._residents[name]
        process = self._starting.submit(_Process, name, program, job).result()
        if program.resident:
            self._residents[name] = (program, process)
        return process, program.seconds * (2 if program.resident else 1)


class _Process:
    """A program on a leash: it and all that it starts, torchrun's processes too, end together."""

    def __init__(self, name: str, program: Program, job: Path) -> None:
        self.name, self.program = name, program
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        kept = {key: value for key, value in os.environ.items() if key in KEPT or key.startswith("CUDA_")}
        try:
            self.child = subprocess.Popen(
                [*LEASH, *(argument.replace("{job}", str(job)) for argument in program.arguments)],
                cwd=program.folder,
                env=kept | program.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                start_new_session=True,
                preexec_fn=lambda: leash.prctl(leash.DEATH_SIGNAL, signal.SIGTERM),
            )
        except OSError as error:  # its folder
            raise GeneratorError(f"program {name} cannot be started: {error}") from error
        self.lines: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def running(self) -> bool:
        return self.child.poll() is None

    def do(self, job: Path, seconds: float, watch: Watch) -> dict[str, Any]:
        """Hand the job over and wait for what the program says of it. Raises GeneratorError and Cancelled."""
        until, share, done = time.monotonic() + seconds, 0.0, None
        assert self.child.stdin
        self.errors.truncate(0)
        with contextlib.suppress(BrokenPipeError):  # it may take its job from the file, or be dead: seen below
            self.child.stdin.write(job.read_text(encoding="utf-8").encode() + b"\n")
            self.child.stdin.flush()
            if not self.program.resident:
                self.child.stdin.close()
        while True:
            try:
                said = self.lines.get(timeout=LOOK_SECONDS)
            except Empty:
                said = {}
            if said is None:
                return self._ended(done)
            if "error" in said:
                raise GeneratorError(f"program {self.name}: {said['error']}")
            if said.get("done"):
                done = said
                if self.program.resident:
                    return done
            if isinstance(given := said.get("progress"), int | float):
                share = min(1.0, max(0.0, float(given)))
            watch(share)
            self._check(until, seconds)

    def _check(self, until: float, seconds: float) -> None:
        if time.monotonic() > until:
            raise GeneratorError(
                f"program {self.name} took longer than {seconds:g} s and was ended{self._last_words()}"
            )
        if (most := self.program.memory_gib) and _memory_gib(self.child.pid) > most:
            raise GeneratorError(
                f"program {self.name} used more memory than the {most:g} GiB that are allowed, and was ended: let the "
                f"recipe ask for less (frames, width, height), or the operator allow more{self._last_words()}"
            )

    def _ended(self, done: dict[str, Any] | None) -> dict[str, Any]:
        code = self.child.wait()
        if code or (self.program.resident and done is None):
            how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
            raise GeneratorError(f"program {self.name} {how}{self._last_words()}")
        return done or {}

    def _listen(self) -> None:
        assert self.child.stdout
        for line in self.child.stdout:
            if line.startswith(b"{"):
                with contextlib.suppress(ValueError):
                    self.lines.put(json.loads(line))
        self.lines.put(None)

    def _last_words(self) -> str:
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, size - LAST_WORDS))
        lines = self.errors.read().decode(errors="replace").strip().split("\n")
        words = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)  # of a progress bar, its end
        return f"; its last words:\n{words}" if words else "; it said nothing"

    def kill(self) -> None:
        """Ask it and all that it started to end, then make them."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(PATIENCE_SECONDS)


LEASH = (sys.executable, "-I", "-S", leash.__file__)
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
"""What a program sees of the worker's environment: none of the house's passwords."""


def _take(recipe: Settings, output: Path, said: dict[str, Any]) -> Take:
    """What lies in the output folder, as frames. Raises GeneratorError."""
    from generators.video import MediaError, read

    files = sorted(path for path in output.rglob("*") if path.is_file() and not path.is_symlink())
    stills = [path for path in files if path.suffix == ".png"]
    clips = [path for path in files if path.suffix in (".mp4", ".mkv", ".webm", ".mov", ".gif", ".jpg")]
    if len(clips) + bool(stills) != 1:
        raise GeneratorError(
            f"program {recipe.program} left {len(clips)} clips and {len(stills)} png files in its output folder; one "
            "clip, or the frames as png, is needed"
        )
    fps = recipe.fps or said.get("fps")
    try:
        footages = [read(path) for path in clips or stills]
        frames = np.concatenate([footage.frames for footage in footages])
    except (MediaError, ValueError) as error:
        raise GeneratorError(f"program {recipe.program}: {error}") from error
    if len(frames) > 1 and stills and not fps:
        raise GeneratorError(f"program {recipe.program}: png frames have no rate: give fps in the recipe")
    facts = said["facts"] if isinstance(said.get("facts"), dict) else {}
    facts |= {"lossy_source": not all(footage.lossless for footage in footages)}
    return Take(frames, float(fps or footages[0].fps), facts)


def _memory_gib(process: int) -> float:
    """Resident memory of all processes below, from /proc."""
    return sum(leash.descendants(process).values()) * os.sysconf("SC_PAGE_SIZE") / 2**30
