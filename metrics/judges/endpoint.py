"""Vision-language models behind HTTP: OpenAI-compatible chat completions, Anthropic messages, Gemini generateContent.

JUDGE_SERVERS lists what judges may name, as JSON or as the path of a JSON file: {"gpt": {"url":
"https://api.openai.com/v1", "protocol": "openai", "key": …, "input_price": 2.5, "output_price": 10, "currency": "USD",
"priced_on": "2026-11-01"}}, prices per million tokens. An organizer names an entry and never an address, redirects are
not followed and no answer leads anywhere else, so nothing inside the house's network can be reached through a judge.
"""

from __future__ import annotations

import base64
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from metrics.cutting import cut_after

TRIES = 4
TRANSIENT = (429, 500, 502, 503, 504, 529)
LONGEST_PAUSE = 60.0
MOST_BYTES = 8 * 2**20
REFUSALS = ("content_policy_violation", "content_filter", "ResponsibleAIPolicyViolation", "invalid_prompt")
Part = str | bytes
"""Of a question: words, or a JPEG."""


class Refused(Exception):
    """The model will not answer; the message is what it said. Tokens as the server counted them, None where it does
    not say."""

    def __init__(self, words: str, input_tokens: int | None = None, output_tokens: int | None = None) -> None:
        super().__init__(words)
        self.input_tokens, self.output_tokens = input_tokens, output_tokens


class TooSlow(Exception):
    """No answer within the server's seconds."""


class NotServed(Exception):
    """The server takes no question from us at all: a wrong key, an unknown model, no such server."""


class Failed(Exception):
    """This question failed; the message says how."""


class Server(BaseModel):
    """An entry of JUDGE_SERVERS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://")
    protocol: Literal["openai", "anthropic", "gemini"] = "openai"
    key: str = Field(default="", repr=False)
    seconds: float = Field(default=120, gt=0, description="for one answer, tries and pauses together")
    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    structured: bool = Field(default=True, description="False where the server knows no response_format")
    tokens_per_image: int = Field(default=1600, ge=1, description="at most, at the size in which frames are sent")
    input_price: float | None = Field(default=None, ge=0, description="per million tokens")
    output_price: float | None = Field(default=None, ge=0, description="per million tokens")
    currency: str = "USD"
    priced_on: str = Field(default="", description="the day of the price list")
    licence: str = Field(default="", description="terms of the model's answers")

    @property
    def priced(self) -> bool:
        return self.input_price is not None and self.output_price is not None

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        return (input_tokens * (self.input_price or 0) + output_tokens * (self.output_price or 0)) / 1e6


def server_named(name: str) -> Server:
    """Raises NotServed, which says what JUDGE_SERVERS has or what is wrong with it."""
    told = os.environ.get("JUDGE_SERVERS", "").strip()
    try:
        entries = json.loads(told if told.startswith("{") else Path(told).read_text(encoding="utf-8")) if told else {}
        if name not in entries:
            near = ", ".join(get_close_matches(name, entries) or sorted(entries)) or "it is empty here"
            raise NotServed(f"JUDGE_SERVERS has no {name!r}: {near}; add it where the worker's environment is set")
        return Server.model_validate(entries[name])
    except (OSError, ValueError, TypeError) as error:
        wrong = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise NotServed(f"JUDGE_SERVERS cannot be read: {wrong}") from error


@dataclass(frozen=True)
class Answer:
    """text: JSON where a schema was asked for; tokens: None where the server does not say."""

    text: str
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True)
class Question:
    """parts: in order; schema: JSON Schema of the answer, None for plain words; temperature: None leaves it to the
    server."""

    model: str
    system: str
    parts: Sequence[Part]
    schema: dict[str, Any] | None
    most_tokens: int
    temperature: float | None


def asked(server: Server, question: Question) -> Answer:
    """The answer, asked for again while the server is busy, as long as it says (Retry-After, 60 s at most).

    A question that may have been heard is not sent twice. Raises Refused, TooSlow, NotServed and Failed.
    """
    import httpx

    path, headers, body = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}[server.protocol](
        server, question
    )
    url, until = server.url.rstrip("/") + path, time.monotonic() + server.seconds
    for attempt in range(TRIES):
        try:
            status, told, asked_to_wait = _posted(_client(), url, headers, body, until)
        except httpx.ConnectError as error:
            if attempt == TRIES - 1:
                why = f"{url} cannot be reached: {error}; is the address right, and is it running?"
                raise NotServed(why) from error
            status, told, asked_to_wait = 0, b"", ""
        except httpx.TimeoutException as error:
            raise TooSlow(f"no answer within {server.seconds:g} s") from error
        except httpx.HTTPError as error:
            raise Failed(f"{url}: {type(error).__name__} {error}") from error
        if status and status not in TRANSIENT:
            return _read(server.protocol, status, told)
        if attempt == TRIES - 1:
            raise Failed(f"{url} answered {status} {TRIES} times: {told[:300].decode(errors='replace')}")
        wait = min(LONGEST_PAUSE, float(asked_to_wait)) if asked_to_wait.isdigit() else 0.5 * 2**attempt
        if time.monotonic() + wait > until:
            raise TooSlow(f"{url} answered {status} and asks to wait longer than the {server.seconds:g} s it has")
        _pause(wait * (1 + 0.25 * random.random()))
    raise AssertionError("unreachable")


def _pause(seconds: float) -> None:
    time.sleep(seconds)


@cache
def _client() -> Any:
    import httpx

    once = httpx.Limits(max_keepalive_connections=0)  # a connection is one question's: it may be cut
    return httpx.Client(limits=once, follow_redirects=False, trust_env=False)


def _posted(client: Any, url: str, headers: dict[str, str], body: Any, until: float) -> tuple[int, bytes, str]:
    import httpx

    left = until - time.monotonic()
    if left <= 0:
        raise httpx.ReadTimeout("the time was over before it was asked")
    told = b""
    try:
        with (
            cut_after(left) as cut,
            client.stream("POST", url, headers=headers, json=body, timeout=left, extensions=cut) as answer,
        ):
            for part in answer.iter_bytes():
                told += part
                if len(told) > MOST_BYTES:
                    raise Failed(f"{url} sent more than {MOST_BYTES // 2**20} MiB")
    except httpx.HTTPError as error:
        if time.monotonic() < until:
            raise
        raise httpx.ReadTimeout("it sends too slowly") from error
    if time.monotonic() >= until:  # what came may end where it was cut
        raise httpx.ReadTimeout("it sends too slowly")
    return answer.status_code, told, answer.headers.get("Retry-After", "")


def _read(protocol: str, status: int, told: bytes) -> Answer:
    words = told[:500].decode(errors="replace").strip()
    if status in (401, 403, 404):
        raise NotServed(f"the server answered {status}: {words}; look at the key, the model's name and the address")
    if status != 200:
        if any(refusal in words for refusal in REFUSALS):
            raise Refused(words)
        raise Failed(f"the server answered {status}: {words}")
    try:
        content = json.loads(told)
        return {"openai": _from_openai, "anthropic": _from_anthropic, "gemini": _from_gemini}[protocol](content)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise Failed(f"the server's answer is none of {protocol}'s: {words}") from error


def _coded(image: bytes) -> str:
    return base64.b64encode(image).decode()


def _openai(server: Server, question: Question) -> tuple[str, dict[str, str], dict[str, Any]]:
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{_coded(part)}"}}
        for part in question.parts
    ]
    body: dict[str, Any] = {
        "model": question.model,
        "messages": [{"role": "system", "content": question.system}, {"role": "user", "content": content}],
        server.token_field: question.most_tokens,
    }
    if question.temperature is not None:
        body["temperature"] = question.temperature
    if question.schema and server.structured:
        schema = {"name": "verdict", "strict": True, "schema": question.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return "/chat/completions", {"Authorization": f"Bearer {server.key}"} if server.key else {}, body


def _from_openai(told: Any) -> Answer:
    choice, usage = told["choices"][0], told.get("usage") or {}
    counted = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if choice["message"].get("refusal") or choice.get("finish_reason") == "content_filter":
        raise Refused(choice["message"].get("refusal") or "content_filter", *counted)
    return Answer(choice["message"]["content"] or "", *counted)


def _anthropic(server: Server, question: Question) -> tuple[str, dict[str, str], dict[str, Any]]:
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": _coded(part)}}
        for part in question.parts
    ]
    body: dict[str, Any] = {
        "model": question.model,
        "system": question.system,
        "messages": [{"role": "user", "content": content}],
        "max_tokens": question.most_tokens,
    }
    if question.temperature is not None:
        body["temperature"] = question.temperature
    if question.schema and server.structured:
        body["tools"] = [{"name": "verdict", "description": "Your verdict.", "input_schema": question.schema}]
        body["tool_choice"] = {"type": "tool", "name": "verdict"}
    return "/v1/messages", {"x-api-key": server.key, "anthropic-version": "2023-06-01"}, body


def _from_anthropic(told: Any) -> Answer:
    usage = told.get("usage") or {}
    words = "".join(block["text"] for block in told["content"] if block["type"] == "text")
    counted = usage.get("input_tokens"), usage.get("output_tokens")
    if told.get("stop_reason") == "refusal":
        raise Refused(words or "refusal", *counted)
    verdict = next((block["input"] for block in told["content"] if block["type"] == "tool_use"), None)
    text = words if verdict is None else json.dumps(verdict)
    return Answer(text, *counted)


def _gemini(server: Server, question: Question) -> tuple[str, dict[str, str], dict[str, Any]]:
    parts = [
        {"text": part} if isinstance(part, str) else {"inlineData": {"mimeType": "image/jpeg", "data": _coded(part)}}
        for part in question.parts
    ]
    settings: dict[str, Any] = {"maxOutputTokens": question.most_tokens}
    if question.temperature is not None:
        settings["temperature"] = question.temperature
    if question.schema and server.structured:
        settings |= {"responseMimeType": "application/json", "responseSchema": _plain(question.schema)}
    body = {
        "systemInstruction": {"parts": [{"text": question.system}]},
        "contents": [{"role": "user", "parts": parts}],
        "generationConfig": settings,
    }
    return f"/v1beta/models/{question.model}:generateContent", {"x-goog-api-key": server.key}, body


def _plain(schema: Any) -> Any:
    """Gemini's subset of OpenAPI knows no additionalProperties."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if key != "additionalProperties"}
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema


def _from_gemini(told: Any) -> Answer:
    usage = told.get("usageMetadata") or {}
    written = usage.get("candidatesTokenCount")
    if written is not None:
        written += usage.get("thoughtsTokenCount") or 0
    counted = usage.get("promptTokenCount"), written
    if reason := (told.get("promptFeedback") or {}).get("blockReason"):
        raise Refused(reason, *counted)
    candidate = told["candidates"][0]
    if (candidate.get("finishReason") or "STOP") not in ("STOP", "MAX_TOKENS"):
        raise Refused(candidate["finishReason"], *counted)
    text = "".join(part.get("text", "") for part in candidate["content"]["parts"] if not part.get("thought"))
    return Answer(text, *counted)
