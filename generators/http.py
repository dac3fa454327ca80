"""`http`: clips from a server that holds the model: OpenAI-style videos and images, or a ComfyUI graph.

GENERATOR_SERVERS lists what recipes may name: {"render-farm": {"url": "http://10.0.0.5:8000", "profile":
"openai-videos", "key": …, "price": 0.05, "per": "second", "currency": "USD"}}. Videos are asked for as vLLM-Omni and
SGLang serve them (POST /v1/videos, then GET /v1/videos/<id> and …/content; DELETE cancels), images by POST
/v1/images/generations, graphs as ComfyUI takes them (POST /prompt, GET /history/<id>, GET /view, POST /interrupt).
What a server sends is encoded already, so its clips are marked `lossy_source` unless the file is lossless.
"""

import base64
import binascii
import copy
import hashlib
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from generators import Cancelled, Capabilities, GeneratorError, Take, Watch, operators, unwatched
from generators.guarded import Guarded

MOST_BYTES = 2**30
POLL_SECONDS = (0.2, 5.0)
CANCEL_SECONDS = 10.0


class Server(BaseModel):
    """An entry of GENERATOR_SERVERS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://")
    profile: Literal["openai-videos", "openai-images", "comfyui"]
    key: str = Field(default="", repr=False)
    body: Literal["multipart", "json"] = Field(default="multipart", description="of a videos request; SGLang: json")
    seconds: float = Field(default=1800, gt=0, description="for one clip")
    price: float | None = Field(default=None, ge=0, description="what a clip, or a second of it, costs")
    per: Literal["clip", "second"] = "clip"
    currency: str = "USD"


class Settings(operators.FromImage):
    """A recipe of `http`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: str = Field(description="a name in the operator's GENERATOR_SERVERS")
    model: str | None = Field(default=None, description="the server's name of the model")
    negative: str | None = None
    frames: int | None = Field(default=None, ge=1, le=2000)
    fps: float | None = Field(default=None, gt=0, le=120)
    width: int | None = Field(default=None, ge=16, le=4096)
    height: int | None = Field(default=None, ge=16, le=4096)
    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance: float | None = None
    extra: dict[str, JsonValue] = Field(default_factory=dict, description="further fields of the request")
    graph: dict[str, JsonValue] | None = Field(default=None, description="ComfyUI's, in its API format")
    places: dict[str, str] = Field(
        default_factory=dict,
        description="where in the graph prompt, negative, seed, frames, width … go, as JSON pointers (RFC 6901)",
    )


HttpRecipe = Settings  # inside the class, Settings is its attribute


class Http:
    """The generator; stateless but for open connections."""

    Settings: type[BaseModel] = Settings
    capabilities = Capabilities(negative=True, progress=True, cancel=True, lossless=False)

    def weights_key(self, recipe: HttpRecipe) -> str:
        return f"http:{recipe.server}:{recipe.model or ''}"

    def preflight(self, recipe: HttpRecipe) -> dict[str, Any]:
        """Is the server listed, and does the recipe fit its profile? Asks nothing of it. Raises GeneratorError."""
        server = operators.entry("GENERATOR_SERVERS", recipe.server, Server)
        if server.profile == "comfyui":
            _filled(recipe, "prompt", 0)
        elif server.profile == "openai-images" and recipe.image is not None:
            raise GeneratorError(f"server {recipe.server} speaks openai-images, which takes no image: leave it out")
        elif recipe.graph is not None or recipe.places:
            raise GeneratorError(f"server {recipe.server} speaks {server.profile}: graph and places are for comfyui")
        return {"profile": server.profile}

    def generate(self, prompt: str, seed: int, recipe: HttpRecipe, watch: Watch = unwatched) -> Take:
        self.preflight(recipe)
        server = operators.entry("GENERATOR_SERVERS", recipe.server, Server)
        # An image comes in the answer to the request itself, which may take as long as the image does.
        patience = server.seconds if server.profile == "openai-images" else 60.0
        job = _Job(recipe, server, _client(recipe.server, server.url, server.key, patience), watch)
        started = time.monotonic()
        media, told = {"openai-videos": _video, "openai-images": _image, "comfyui": _comfy}[server.profile](
            job, prompt, seed
        )
        return _take(recipe, server, media, told | {"sample_seconds": round(time.monotonic() - started, 3)})


@cache
def _client(name: str, url: str, key: str, seconds: float) -> Guarded:
    return Guarded(name, url, key, seconds)


class _Job:
    def __init__(self, recipe: Settings, server: Server, client: Guarded, watch: Watch) -> None:
        self.recipe, self.server, self.client, self.watch = recipe, server, client, watch
        self.until = time.monotonic() + server.seconds

    def moments(self) -> Iterator[None]:
        """When to ask again, less and less often. Raises GeneratorError when the time is over."""
        pause, most = POLL_SECONDS
        while time.monotonic() < self.until:
            yield
            wake = time.monotonic() + pause
            while (left := wake - time.monotonic()) > 0:
                time.sleep(min(0.2, left))
                self.watch(0.0)
            pause = min(most, 1.5 * pause)
        raise GeneratorError(f"server {self.recipe.server} took longer than {self.server.seconds:g} s; cancelled there")

    def json(self, method: str, path: str, **content: Any) -> Any:
        return self.client.json(method, path, until=self.until, watch=self.watch, **content)

    def media(self, where: str, **content: Any) -> bytes:
        return self.client.bytes("GET", where, most=MOST_BYTES, until=self.until, watch=self.watch, **content)

    @contextmanager
    def cancelling(self, method: str, path: str, **content: Any) -> Iterator[None]:
        """Tell the server when nobody waits for its work any more; that it may not listen is no further failure."""
        try:
            yield
        except (Cancelled, GeneratorError):
            with suppress(GeneratorError):
                self.client.bytes(method, path, most=2**20, until=time.monotonic() + CANCEL_SECONDS, **content)
            raise


def _video(job: _Job, prompt: str, seed: int) -> tuple[bytes, dict[str, Any]]:
    recipe = job.recipe
    asked: dict[str, Any] = {"prompt": prompt, "seed": seed, "model": recipe.model, "negative_prompt": recipe.negative}
    asked |= {"num_frames": recipe.frames, "fps": recipe.fps, "num_inference_steps": recipe.steps}
    asked |= {"guidance_scale": recipe.guidance} | _size(recipe) | recipe.extra
    asked = {key: value for key, value in asked.items() if value is not None}
    form: dict[str, Any] = {key: (None, str(value)) for key, value in asked.items()}
    if recipe.image is not None:
        name, media_type, data = _picture(recipe)
        form["input_reference"] = (name, data, media_type)
        asked["input_reference"] = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    content: dict[str, Any] = {"json": asked} if job.server.body == "json" else {"files": form}
    key = {"Idempotency-Key": uuid.uuid4().hex}
    said = job.json("POST", "/v1/videos", headers=key, **content)
    where = f"/v1/videos/{_field(said, 'id', recipe)}"
    with job.cancelling("DELETE", where):
        for _ in job.moments():
            said = job.json("GET", where)
            state = _field(said, "status", recipe)
            if state == "completed":
                return job.media(f"{where}/content"), _cost_in(said)
            if state in ("failed", "cancelled", "canceled"):
                error = said.get("error")
                why = error.get("message") if isinstance(error, dict) else error
                raise GeneratorError(f"server {recipe.server}: {why or state}")
            done = said.get("progress")
            job.watch(min(1.0, float(done) / 100) if isinstance(done, int | float) else 0.0)
    raise AssertionError("unreachable")


def _image(job: _Job, prompt: str, seed: int) -> tuple[bytes, dict[str, Any]]:
    recipe = job.recipe
    asked: dict[str, Any] = {"prompt": prompt, "seed": seed, "n": 1, "model": recipe.model}
    asked |= {"negative_prompt": recipe.negative, "num_inference_steps": recipe.steps}
    asked |= {"guidance_scale": recipe.guidance, "response_format": "b64_json"} | _size(recipe) | recipe.extra
    asked = {key: value for key, value in asked.items() if value is not None}
    said = job.json("POST", "/v1/images/generations", json=asked)
    found = _field(said, "data", recipe)
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    if isinstance(coded := first.get("b64_json"), str):
        try:
            return base64.b64decode(coded, validate=True), _cost_in(said)
        except binascii.Error as error:
            raise GeneratorError(f"server {recipe.server}: its image is no base64") from error
    if isinstance(url := first.get("url"), str):
        return job.media(url), _cost_in(said)
    raise GeneratorError(f"server {recipe.server} answered without an image (b64_json or url)")


def _comfy(job: _Job, prompt: str, seed: int) -> tuple[bytes, dict[str, Any]]:
    graph = _filled(job.recipe, prompt, seed)
    if job.recipe.image is not None:
        name, media_type, data = _picture(job.recipe)
        file = {"image": (name, data, media_type), "overwrite": (None, "true")}
        sent = job.json("POST", "/upload/image", files=file)
        graph = _filled(job.recipe, prompt, seed, _field(sent, "name", job.recipe))
    asked = {"prompt": graph, "client_id": uuid.uuid4().hex}
    said = job.json("POST", "/prompt", json=asked)
    number = _field(said, "prompt_id", job.recipe)
    with job.cancelling("POST", "/interrupt", json={"prompt_id": number}):
        for _ in job.moments():
            history = job.json("GET", f"/history/{number}").get(number)
            if not history:
                continue
            if (state := history.get("status", {}).get("status_str")) == "error":
                raise GeneratorError(f"server {job.recipe.server}: the graph failed: {_trouble(history)}")
            made = [
                file
                for node in history.get("outputs", {}).values()
                for kind in ("videos", "gifs", "images")
                for file in node.get(kind, [])
                if file.get("type") == "output"
            ]
            if made:
                if len(made) > 1:
                    raise GeneratorError(
                        f"server {job.recipe.server}: the graph saved {len(made)} files; let it save one"
                    )
                query = {key: made[0].get(key, "") for key in ("filename", "subfolder", "type")}
                return job.media("/view", params=query), {}
            if state == "success":
                raise GeneratorError(f"server {job.recipe.server}: the graph saves no file: give it a Save node")
    raise AssertionError("unreachable")


def _trouble(history: dict[str, Any]) -> str:
    for kind, told in history.get("status", {}).get("messages", []):
        if kind == "execution_error":
            return f"{told.get('node_type', 'a node')}: {told.get('exception_message', '').strip()}"
    return "no reason was given"


def _picture(recipe: Settings) -> tuple[str, str, bytes]:
    """Name (of its content), media type and bytes of the recipe's image. Raises GeneratorError."""
    path = Path(str(recipe.image)).expanduser()
    media_type = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
    try:
        data = path.read_bytes()
        return f"{hashlib.sha256(data).hexdigest()[:32]}{path.suffix.lower()}", media_type[path.suffix.lower()], data
    except (OSError, KeyError) as error:
        raise GeneratorError(f"image: {path} cannot be read as a PNG, JPEG or WebP file ({error})") from error


def _filled(recipe: Settings, prompt: str, seed: int, image: str = "") -> dict[str, Any]:
    """The graph with this clip's values in their places. Raises GeneratorError for a pointer that leads nowhere."""
    if recipe.graph is None or "prompt" not in recipe.places:
        raise GeneratorError(f"server {recipe.server} speaks comfyui: the recipe needs graph, and places with prompt")
    values: dict[str, Any] = recipe.model_dump(include={"negative", "frames", "fps", "width", "height", "steps"})
    values |= {"guidance": recipe.guidance, "prompt": prompt, "seed": seed, "image": image or recipe.image}
    if recipe.image is not None and "image" not in recipe.places:
        raise GeneratorError("image is given and places.image is not: say where in the graph its file's name goes")
    if unknown := set(recipe.places) - set(values):
        raise GeneratorError(f"places: there is no {', '.join(sorted(unknown))}; known are {', '.join(sorted(values))}")
    graph = copy.deepcopy(recipe.graph)
    for name, pointer in recipe.places.items():
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        here: Any = graph
        for step in steps[:-1]:
            here = here.get(step) if isinstance(here, dict) else None
        if not steps or not isinstance(here, dict) or steps[-1] not in here:
            raise GeneratorError(f"places.{name} = {pointer!r} leads nowhere in the graph: write it as /6/inputs/text")
        if values[name] is None:
            raise GeneratorError(f"places.{name} is given and {name} is not: give it in the recipe")
        here[steps[-1]] = values[name]
    return graph


def _size(recipe: Settings) -> dict[str, Any]:
    return {"size": f"{recipe.width}x{recipe.height}"} if recipe.width and recipe.height else {}


def _field(said: Any, name: str, recipe: Settings) -> Any:
    if not isinstance(said, dict) or not said.get(name):
        raise GeneratorError(f"server {recipe.server} answered without {name!r}")
    return said[name]


def _cost_in(said: Any) -> dict[str, Any]:
    """What the server itself says that it cost."""
    usage = said.get("usage") if isinstance(said, dict) else None
    cost = usage.get("cost") if isinstance(usage, dict) else None
    return {"cost": {"amount": cost, "told_by": "server"}} if isinstance(cost, int | float) else {}


def _take(recipe: Settings, server: Server, media: bytes, facts: dict[str, Any]) -> Take:
    from generators.inspection import footage as decoded
    from generators.video import MediaError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer"
        path.write_bytes(media)
        try:
            footage = decoded(path)
        except MediaError as error:
            raise GeneratorError(f"server {recipe.server}: {error}".replace(str(path), "its file")) from error
    facts["lossy_source"] = not footage.lossless
    fps = recipe.fps or footage.fps
    if "cost" in facts:
        facts["cost"]["currency"] = server.currency
    elif server.price is not None:
        amount = server.price * (len(footage.frames) / fps if server.per == "second" else 1)
        facts["cost"] = {"amount": round(amount, 6), "currency": server.currency, "told_by": "operator's price"}
    return Take(footage.frames, float(fps), facts)
