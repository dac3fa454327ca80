"""`command`: real programs, one-shot and resident, that work, fail, hang, grow and are cancelled."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from generators import Cancelled, GeneratorError
from generators.command import Command
from generators.recipe import parse
from generators.video import write_master, write_rendition
from tests.generation.house import until

PROGRAM = """
import json, os, subprocess, sys, time, pathlib
print("loading", flush=True)
loaded = time.monotonic_ns()
ballast = None
for line in sys.stdin:
    job = json.loads(line)
    options = job["options"]
    if options.get("sleep"):
        apart = {"start_new_session": True}  # as torchrun starts its processes
        subprocess.Popen(["sleep", "987.5"], **apart) if options.get("child") else None
        time.sleep(options["sleep"])
    if options.get("grow"):
        growing = f"import time; ballast = b'x' * int({options['grow']} * 2**30); time.sleep(60)"
        subprocess.run([sys.executable, "-c", growing], start_new_session=True)
    if options.get("die"):
        print("the driver is lost", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 9)
    if options.get("bar"):
        print(f"1 % in {loaded}", f"2 % in {time.monotonic_ns()}", options["bar"], sep="\\r", file=sys.stderr)
        sys.exit(1)
    if options.get("text"):
        (pathlib.Path(job["output"]) / "clip.mp4").write_text(50 * options["text"])
        print(json.dumps({"done": True}), flush=True)
        continue
    if options.get("error"):
        print(json.dumps({"error": options["error"]}), flush=True)
        continue
    print(json.dumps({"progress": 0.5}), flush=True)
    for copy in range(options.get("files", 1)):
        source = pathlib.Path(options["clip"])
        (pathlib.Path(job["output"]) / f"clip{copy}{source.suffix}").write_bytes(source.read_bytes())
    facts = {"prompt": job["prompt"], "seed": job["seed"], "loaded": loaded, "environment": sorted(os.environ)}
    print(json.dumps({"done": True, "facts": facts}), flush=True)
"""
FROM_FILE = """
import json, pathlib, shutil, sys
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
shutil.copy(job["options"]["clip"], job["output"])
"""


@pytest.fixture
def clips(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (5, 32, 48, 3)).astype(np.uint8)
    write_master(frames, 10, tmp_path / "clip.mkv")
    write_rendition(frames, 10, tmp_path / "clip.mp4")
    return tmp_path, frames


@pytest.fixture
def command(tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "from_file.py").write_text(FROM_FILE)
    run = [sys.executable, str(tmp_path / "program.py")]
    programs = {
        "once": {"arguments": run},
        "kept": {"arguments": run, "resident": True},
        "hasty": {"arguments": run, "seconds": 0.5},
        "small": {"arguments": run, "memory_gib": 0.2},
        "file": {"arguments": [sys.executable, str(tmp_path / "from_file.py"), "{job}"]},
        "gone": {"arguments": ["/nowhere/program"]},
    }
    monkeypatch.setenv("GENERATOR_COMMANDS", json.dumps(programs))
    monkeypatch.setenv("SECRET_KEY", "not for programs")
    generator = Command()
    yield generator
    generator.close()


def recipe(program, **options):
    return parse("command", {"program": program, "options": options})


@pytest.mark.parametrize("program", ["once", "kept", "file"])
def test_a_program_makes_a_clip_from_a_job(command, clips, program):
    folder, frames = clips
    take = command.generate("a red ball", 7, recipe(program, clip=str(folder / "clip.mkv")))
    assert np.array_equal(take.frames, frames)
    assert (take.fps, take.facts["lossy_source"]) == (10, False)
    if program != "file":
        assert (take.facts["prompt"], take.facts["seed"]) == ("a red ball", 7)
        assert "SECRET_KEY" not in take.facts["environment"]


def test_a_lossy_file_is_told_apart(command, clips):
    assert command.generate("x", 1, recipe("once", clip=str(clips[0] / "clip.mp4"))).facts["lossy_source"]


def test_a_resident_program_stays_loaded_and_a_one_shot_one_does_not(command, clips):
    def loaded(program):
        return {
            command.generate("x", n, recipe(program, clip=str(clips[0] / "clip.mkv"))).facts["loaded"] for n in "12"
        }

    assert len(loaded("kept")) == 1
    assert len(loaded("once")) == 2


def test_progress_is_told(command, clips):
    seen = []
    command.generate("x", 1, recipe("once", clip=str(clips[0] / "clip.mkv")), seen.append)
    assert max(seen) == 0.5


@pytest.mark.parametrize("options", [{"text": "no video"}, {"bar": "layer 3 is missing"}])
def test_clips_that_fail_alike_fail_in_the_same_words(command, options):
    def fails():
        with pytest.raises(GeneratorError) as raised:
            command.generate("x", 1, recipe("once", **options))
        return str(raised.value)

    told = fails()
    assert told == fails()
    assert "/tmp" not in told.partition("; its last words")[0]
    assert told.startswith("program once: output/clip.mp4: is not an mp4") or told.endswith("\nlayer 3 is missing")


@pytest.mark.parametrize(
    ("program", "options", "words"),
    [
        ("kept", {"error": "the prompt is too long"}, "program kept: the prompt is too long"),
        ("kept", {"die": True}, "was ended by signal SIGKILL; its last words:\nthe driver is lost"),
        ("hasty", {"sleep": 30}, "took longer than 0.5 s and was ended"),
        (
            "small",
            {"grow": 0.5},
            "more memory than the 0.2 GiB that are allowed, and was ended: let the recipe ask for less",
        ),
        ("once", {}, "ended with 1; its last words:\nTraceback"),
        ("gone", {}, "program gone: cannot be started: .*No such file"),
        ("onec", {}, "GENERATOR_COMMANDS has no 'onec': did you mean 'once'"),
    ],
)
def test_a_failure_is_told_with_the_programs_last_words(command, program, options, words):
    with pytest.raises(GeneratorError, match=f"(?s){words}"):
        command.generate("x", 1, recipe(program, **options))


def test_a_program_that_left_two_clips_is_refused(command, clips):
    with pytest.raises(GeneratorError, match="left 2 clips and 0 png files"):
        command.generate("x", 1, recipe("once", clip=str(clips[0] / "clip.mkv"), files=2))


def sleepers():
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/cmdline", "rb") as file:
                if b"987.5" in file.read():
                    found.append(int(process))
        except OSError:
            continue
    return found


def test_cancelling_ends_the_program_and_its_children(command):
    def watch(done):
        if sleepers():
            raise Cancelled

    started = time.monotonic()
    with pytest.raises(Cancelled):
        command.generate("x", 1, recipe("once", sleep=60, child=True), watch)
    assert time.monotonic() - started < 20
    assert sleepers() == []


SHARDED = """
import json, pathlib, sys
import torch, torch.distributed
from PIL import Image
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
mine = torch.full((job["frames"], 32, 16, 3), 100 * (rank + 1), dtype=torch.uint8)
halves = [torch.empty_like(mine) for _ in range(2)]
torch.distributed.all_gather(halves, mine)
if rank == 0:
    for number, frame in enumerate(torch.cat(halves, 2).numpy()):
        Image.fromarray(frame).save(pathlib.Path(job["output"]) / f"{number:04}.png")
torch.distributed.destroy_process_group()
"""


RESIDENT = """
import json, os, pathlib, sys
import torch, torch.distributed as together
from PIL import Image
together.init_process_group("gloo")
rank = together.get_rank()
while True:
    line = [sys.stdin.readline() if rank == 0 else None]
    together.broadcast_object_list(line, 0)
    if not line[0]:
        break
    pids = [None, None]
    together.all_gather_object(pids, os.getpid())
    if rank == 0:
        Image.new("RGB", (32, 32)).save(pathlib.Path(json.loads(line[0])["output"]) / "0000.png")
        print(json.dumps({"done": True, "facts": {"pids": pids}}), flush=True)
together.destroy_process_group()
"""


@pytest.mark.slow
def test_the_processes_of_torchrun_stay_for_the_next_clip_and_end_together(command, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "resident.py").write_text(RESIDENT)
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = {"arguments": [*run, str(tmp_path / "resident.py")], "resident": True}
    monkeypatch.setenv("GENERATOR_COMMANDS", json.dumps({"sharded": program}))
    recipe = parse("command", {"program": "sharded", "fps": 8})
    first, second = (command.generate("x", seed, recipe).facts["pids"] for seed in range(2))
    assert first == second
    assert len(set(first)) == 2
    command.close()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in first))


@pytest.mark.slow
def test_a_model_sharded_over_the_processes_of_torchrun_makes_a_clip(command, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "sharded.py").write_text(SHARDED)
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    program = {"arguments": [*run, str(tmp_path / "sharded.py"), "{job}"]}
    monkeypatch.setenv("GENERATOR_COMMANDS", json.dumps({"sharded": program}))
    take = command.generate("x", 1, parse("command", {"program": "sharded", "frames": 3, "fps": 8}))
    assert take.frames.shape == (3, 32, 32, 3)
    assert (take.frames[:, :, :16] == 100).all()  # the first process's half
    assert (take.frames[:, :, 16:] == 200).all()


WORKER = """
import json, sys
from generators.command import Command
from generators.recipe import parse
Command().generate("x", 1, parse("command", {"program": "once", "options": {"sleep": 60, "child": True}}))
"""


def test_a_killed_worker_leaves_nothing_running(command):
    worker = subprocess.Popen([sys.executable, "-c", WORKER], start_new_session=True)
    until(sleepers)
    worker.kill()
    worker.wait()
    until(lambda: not sleepers())


def test_a_resident_program_that_died_is_started_again(command, clips):
    with pytest.raises(GeneratorError):
        command.generate("x", 1, recipe("kept", die=True))
    assert command.generate("x", 1, recipe("kept", clip=str(clips[0] / "clip.mkv"))).fps == 10
