"""`http`: against real servers on this machine that speak as vLLM-Omni, SGLang and ComfyUI do."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pytest

from generators import Cancelled, GeneratorError, guarded
from generators.guarded import checked, public
from generators.http import Http
from generators.recipe import identity, parse
from generators.video import write_master, write_rendition, write_still
from tests.dripping import DROPS, WAYS, dripping

GRAPH = {"3": {"inputs": {"seed": 1, "steps": 20}}, "6": {"inputs": {"text": "", "a/b": 0}}}


class Farm:
    """What the server does next, and what it was asked."""

    def __init__(self, folder):
        frames = np.random.default_rng(1).integers(0, 255, (6, 32, 48, 3)).astype(np.uint8)
        write_rendition(frames, 12, folder / "clip.mp4")
        write_master(frames, 12, folder / "clip.mkv")
        write_still(frames[0], folder / "still.png")
        self.frames = frames
        self.video, self.master, self.still = ((folder / n).read_bytes() for n in ("clip.mp4", "clip.mkv", "still.png"))
        self.asked, self.busy, self.polls, self.content = [], 0, 2, None
        self.last = {"status": "completed", "usage": {"cost": 0.25}}
        self.image_url = self.redirect = None

    def answer(self, method, path, body, headers):
        self.asked.append((method, path, body, headers))
        if self.busy:
            self.busy -= 1
            return 503, b"busy"
        if self.redirect:
            return 302, self.redirect.encode()
        if (method, path) == ("POST", "/v1/videos"):
            return 200, {"id": "job-1", "status": "queued"}
        if (method, path) == ("GET", "/v1/videos/job-1"):
            self.polls -= 1
            return 200, {"status": "in_progress", "progress": 40} if self.polls >= 0 else self.last
        if path == "/v1/videos/job-1/content":
            return 200, self.content or self.video
        if path == "/v1/images/generations":
            coded = {"b64_json": base64.b64encode(self.still).decode()}
            return 200, {"data": [{"url": self.image_url} if self.image_url else coded]}
        if path == "/upload/image":
            return 200, {"name": "kept.png", "subfolder": "", "type": "input"}
        if path == "/prompt":
            return 200, {"prompt_id": "p1"}
        if path == "/history/p1":
            self.polls -= 1
            made = {"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}}
            return 200, {} if self.polls >= 0 else {"p1": {"outputs": made, "status": {"status_str": "success"}}}
        if path.startswith("/view?filename=a.png"):
            return 200, self.still
        return 404 if method == "GET" else 200, b"{}"

    def calls(self):
        return [(method, path) for method, path, *_ in self.asked]


@pytest.fixture
def farm(tmp_path, monkeypatch):
    state = Farm(tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = state.answer(self.command, self.path, body, dict(self.headers))
            told = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", told.decode())
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = do_DELETE = do

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    servers = {
        "vllm": {"url": url, "profile": "openai-videos", "key": "k3y", "price": 0.5, "per": "second"},
        "sglang": {"url": url, "profile": "openai-videos", "body": "json"},
        "hasty": {"url": url, "profile": "openai-videos", "seconds": 0.5},
        "images": {"url": url, "profile": "openai-images", "price": 0.04},
        "comfy": {"url": url, "profile": "comfyui"},
        "away": {"url": "http://127.0.0.1:9", "profile": "openai-images"},
    }
    monkeypatch.setenv("GENERATOR_SERVERS", json.dumps(servers))
    monkeypatch.setattr(guarded, "_pause", lambda *_: None)
    yield state
    server.shutdown()
    server.server_close()


def make(server, watch=lambda done: None, **settings):
    return Http().generate("a red ball", 7, parse("http", {"server": server} | settings), watch)


def test_a_video_as_vllm_omni_serves_it(farm):
    seen = []
    take = make("vllm", seen.append, frames=6, width=48, height=32, negative="blur", extra={"flow_shift": 3})
    assert take.frames.shape == (6, 32, 48, 3)
    assert 0.4 in seen
    assert take.facts["lossy_source"]
    assert take.facts["cost"] == {"amount": 0.25, "told_by": "server", "currency": "USD"}
    _, _, body, headers = farm.asked[0]
    assert headers["Content-Type"].startswith("multipart/form-data")
    assert headers["Authorization"] == "Bearer k3y"
    for field in (b"a red ball", b'"num_frames"', b'"negative_prompt"', b'"flow_shift"', b"48x32"):
        assert field in body


def test_a_video_as_sglang_serves_it_and_what_the_operator_says_it_costs(farm):
    farm.last = {"status": "completed"}
    make("sglang", fps=12)
    assert json.loads(farm.asked[0][2]) == {"prompt": "a red ball", "seed": 7, "fps": 12.0}
    assert make("vllm").facts["cost"] == {"amount": 0.25, "currency": "USD", "told_by": "operator's price"}  # 6/12 s


def test_a_lossless_file_of_a_server_is_not_called_lossy(farm):
    farm.content = farm.master
    take = make("sglang")
    assert not take.facts["lossy_source"]
    assert np.array_equal(take.frames, farm.frames)


def test_an_image(farm):
    take = make("images")
    assert np.array_equal(take.frames[0], farm.frames[0])
    assert take.facts["cost"]["amount"] == 0.04


def test_a_comfyui_graph_gets_prompt_and_seed_where_the_recipe_says(farm):
    places = {"prompt": "/6/inputs/text", "seed": "/3/inputs/seed", "width": "/6/inputs/a~1b"}
    take = make("comfy", graph=GRAPH, places=places, width=64)
    assert np.array_equal(take.frames[0], farm.frames[0])
    sent = json.loads(farm.asked[0][2])["prompt"]
    assert sent == {"3": {"inputs": {"seed": 7, "steps": 20}}, "6": {"inputs": {"text": "a red ball", "a/b": 64}}}
    assert GRAPH["6"]["inputs"]["text"] == ""


def test_a_busy_server_is_asked_again(farm):
    farm.busy = 2
    assert len(make("images").frames) == 1
    assert len(farm.asked) == 3


@pytest.mark.parametrize(
    ("asked", "change", "words"),
    [
        ({"server": "away"}, {}, "server away cannot be reached"),
        ({"server": "vllm"}, {"busy": 99}, "answered 503: busy"),
        ({"server": "vllm"}, {"last": {"status": "failed", "error": {"message": "out of memory"}}}, "out of memory"),
        ({"server": "hasty"}, {"polls": 999}, "took longer than 0.5 s; cancelled there"),
        ({"server": "vllm"}, {"content": b"<html>no</html>"}, "its file: is not an mp4"),
        ({"server": "vllm"}, {"redirect": "http://169.254.169.254/"}, "redirects elsewhere, which is not followed"),
        ({"server": "images"}, {"image_url": "http://169.254.169.254/meta"}, "only https is followed elsewhere"),
        ({"server": "images"}, {"image_url": "https://127.0.0.1:1/x"}, "is no address of the public internet"),
        ({"server": "comfy"}, {}, "the recipe needs graph"),
        ({"server": "comfy", "graph": GRAPH, "places": {"prompt": "/7/x"}}, {}, "leads nowhere in the graph"),
        ({"server": "vllm", "graph": GRAPH}, {}, "graph and places are for comfyui"),
        ({"server": "vlm"}, {}, "has no 'vlm': did you mean 'vllm'"),
    ],
)
def test_a_failure_is_told_in_words(farm, asked, change, words):
    for name, value in change.items():
        setattr(farm, name, value)
    with pytest.raises(GeneratorError, match=words):
        make(**asked)


def test_a_body_larger_than_allowed_is_cut_off(farm, monkeypatch):
    monkeypatch.setattr("generators.http.MOST_BYTES", 1000)
    with pytest.raises(GeneratorError, match="it was cut off"):
        make("vllm")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seconds", [0.5, pytest.param(60, marks=pytest.mark.slow)])
def test_an_answer_that_comes_in_drops_holds_no_worker(monkeypatch, way, seconds):
    """With 60 s for it, it is waited for: what ends the first is its time."""
    monkeypatch.setattr(guarded, "_pause", lambda *_: None)
    with dripping(way) as (url, sent):
        servers = {"slow": {"url": url, "profile": "openai-images", "seconds": seconds}}
        monkeypatch.setenv("GENERATOR_SERVERS", json.dumps(servers))
        with pytest.raises(GeneratorError, match="was broken off: its time" if seconds < 1 else "without 'data'"):
            make("slow")
    assert all(drops < DROPS for drops in sent) is (seconds < 1)


def test_cancelling_cancels_at_the_server(farm):
    farm.polls = 999

    def watch(done):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        make("vllm", watch)
    assert farm.calls()[-1] == ("DELETE", "/v1/videos/job-1")


INSIDE = """127.0.0.1 10.1.2.3 169.254.169.254 100.64.0.1 224.0.0.1 0.0.0.0 255.255.255.255 ::1 fd00::1 fe80::1%eth0
::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_no_address_that_leads_inside_is_public(address):
    assert not public(address)


def test_a_public_address_is_and_names_that_resolve_to_one_inside_among_others_are_refused(monkeypatch):
    assert public("93.184.216.34")
    assert public("2606:2800:220:1::1")
    for addresses in (["93.184.216.34", "10.0.0.1"], ["127.0.0.1"]):
        found = [(2, 1, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, found=found, **__: found)
        with pytest.raises(GeneratorError, match="no address of the public internet"):
            checked(httpx.URL("https://rebinding.example/x"), "farm")


def test_the_prompts_image_goes_along_to_servers_of_videos_and_into_comfyuis_graph(farm, tmp_path):
    def begun(server, **settings):
        recipe = parse("http", {"server": server, "image": "{prompt}"} | settings)
        return Http().generate("a red ball", 7, recipe.with_image(tmp_path / "still.png"), lambda done: None)

    begun("vllm")
    assert b'name="input_reference"' in farm.asked[0][2]
    assert farm.still in farm.asked[0][2]
    farm.asked, farm.polls = [], 0
    begun("sglang")
    sent = json.loads(farm.asked[0][2])["input_reference"]
    assert base64.b64decode(sent.partition("base64,")[2]) == farm.still
    farm.asked, farm.polls = [], 0
    begun(
        "comfy",
        graph=GRAPH | {"8": {"inputs": {"image": ""}}},
        places={"prompt": "/6/inputs/text", "image": "/8/inputs/image"},
    )
    assert farm.calls()[0] == ("POST", "/upload/image")
    assert json.loads(farm.asked[1][2])["prompt"]["8"]["inputs"]["image"] == "kept.png"
    with pytest.raises(GeneratorError, match="takes no image"):
        begun("images")
    with pytest.raises(GeneratorError, match="this prompt has none"):
        parse("http", {"server": "vllm", "image": "{prompt}"}).with_image(None)
    with pytest.raises(GeneratorError, match="image = '/etc/passwd'"):
        parse("http", {"server": "vllm", "image": "/etc/passwd"})
    assert identity("http", {"server": "vllm", "image": "{prompt}"}) != identity("http", {"server": "vllm"})
