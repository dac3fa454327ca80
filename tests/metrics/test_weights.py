"""Weights: found, checked, fetched on demand only; never the wrong file."""

import hashlib
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZipFile

import pytest

from metrics import weights
from metrics.weights import File, Weights, WeightsMissing, WeightsWrong, check, fetch, find
from tests.dripping import DROPS, WAYS, dripping

CONTENT = b"weights of nothing"
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A server that has one file, and a registry that knows it."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "net.pth").write_bytes(CONTENT)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/net.pth"
    known = {
        "net": Weights((File("net.pth", SUM),), "MIT", url, "tests"),
        "unsigned": Weights((File("net.pth"),), "MIT", url, "tests"),
    }
    monkeypatch.setattr(weights, "WEIGHTS", known)
    yield folder
    server.shutdown()
    server.server_close()


def test_a_missing_file_is_said_with_the_command_that_fetches_it(source, tmp_path):
    with pytest.raises(WeightsMissing, match=r"manage\.py weights fetch net.*MIT"):
        find("net", tmp_path / "here")


def test_fetched_once_found_afterwards(source, tmp_path):
    told = []
    assert fetch("net", tmp_path / "here", told.append).sha256 == SUM
    (source / "net.pth").unlink()
    assert fetch("net", tmp_path / "here", told.append).paths["net.pth"].read_bytes() == CONTENT
    assert len(told) == 1


def test_what_cannot_be_had_is_told_with_where_to_put_it_and_the_command_after_that(source, tmp_path):
    (source / "net.pth").unlink()
    with pytest.raises(WeightsMissing, match=r"net\.pth cannot be had from http://127.*404.*weights check net") as told:
        fetch("net", tmp_path / "here")
    assert str(tmp_path / "here" / "net") in str(told.value)
    (tmp_path / "here" / "net" / "net.pth").write_bytes(CONTENT)
    assert check("net", tmp_path / "here").sha256 == SUM


def test_another_file_is_not_kept(source, tmp_path):
    (source / "net.pth").write_bytes(b"somebody else's")
    with pytest.raises(WeightsWrong, match="nothing was kept"):
        fetch("net", tmp_path / "here")
    assert list((tmp_path / "here").rglob("net*.p*")) == []


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_comes_in_drops_is_given_up_when_its_time_is_over(source, tmp_path, monkeypatch, way):
    monkeypatch.setattr(weights, "MOST_SECONDS", 0.5)
    with dripping(way) as (address, sent):
        weights.WEIGHTS["slow"] = Weights((File("net.pth"),), "MIT", f"{address}/net.pth", "tests")
        with pytest.raises(WeightsMissing, match=r"not here within 0\.5 s"):
            fetch("slow", tmp_path / "here")
    assert all(drops < DROPS for drops in sent)
    assert not (tmp_path / "here" / "slow" / "net.pth").exists()


def test_a_file_that_ends_early_is_never_recorded_as_the_first_one_checked(tmp_path, monkeypatch):
    def half():
        line = server.accept()[0]
        with line:
            line.recv(2**16)
            line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf of it")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=half, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/net.pth"
        monkeypatch.setattr(weights, "WEIGHTS", {"half": Weights((File("net.pth"),), "MIT", url, "tests")})
        with pytest.raises(WeightsMissing, match="cannot be had"):
            fetch("half", tmp_path / "here")
    with pytest.raises(WeightsMissing):
        check("half", tmp_path / "here")


def test_of_an_archive_the_files_that_are_asked_for_are_taken_and_one_lies_elsewhere(source, tmp_path):
    with ZipFile(source / "all.zip", "w") as archive:
        for name in ("head.pth", "lora/adapter_model.bin", "lora/README.md"):
            archive.writestr(name, name)
    url = weights.WEIGHTS["net"].source
    files = (
        File("net.pth", SUM, source=url),
        File("head.pth"),
        File("lora/adapter_model*.safetensors|lora/adapter_model*.bin"),
    )
    weights.WEIGHTS["zipped"] = Weights(files, "MIT", url.replace("net.pth", "all.zip"), "tests")
    found = fetch("zipped", tmp_path / "here").paths
    assert {name: path.read_text() for name, path in found.items() if name != "net.pth"} == {
        "head.pth": "head.pth",
        "lora/adapter_model.bin": "lora/adapter_model.bin",
    }
    held = sorted(path.name for path in (tmp_path / "here" / "zipped").rglob("*.*"))
    assert held == ["adapter_model.bin", "head.pth", "net.pth"]
    (source / "all.zip").write_bytes(b"no archive")
    with pytest.raises(WeightsWrong, match="no zip file"):
        fetch("zipped", tmp_path / "there")


def test_a_file_that_changed_after_it_was_checked_is_refused(source, tmp_path):
    found = fetch("net", tmp_path / "here")
    found.paths["net.pth"].write_bytes(CONTENT + b"!")
    with pytest.raises(WeightsWrong, match="remove it"):
        find("net", tmp_path / "here")


def test_without_a_published_checksum_the_first_one_checked_counts(source, tmp_path):
    here = tmp_path / "here" / "unsigned"
    here.mkdir(parents=True)
    (here / "net.pth").write_bytes(CONTENT)
    with pytest.raises(WeightsWrong, match="weights check unsigned"):
        find("unsigned", tmp_path / "here")
    assert check("unsigned", tmp_path / "here").sha256 == SUM == find("unsigned", tmp_path / "here").sha256
    (here / "net.pth").write_bytes(b"other")
    with pytest.raises(WeightsWrong, match="has the checksum"):
        check("unsigned", tmp_path / "here")


def test_unknown_weights_are_refused_with_near_names(source, tmp_path):
    with pytest.raises(KeyError, match="net"):
        find("nett", tmp_path)


def test_every_published_checksum_is_a_whole_one_or_torch_hubs_eight_digits():
    for name, each in weights.WEIGHTS.items():
        assert each.licence, name
        assert each.source.startswith(("https://", "hub:")), name
        assert all(len(file.sha256) in (0, 8, 64) for file in each.files), name
