"""A trained judge on disk, `WEIGHTS/own/NAME/judge.safetensors` and `judge.json`, and as a judge of the registry."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from metrics import METRICS, WITH_WEIGHTS, resolve
from metrics.judges.interface import Declaration, JudgeUnavailable, Outcome, Sampling, Shown, WeightsUsed
from metrics.judges.own.words import PICTURES, PRODUCT, Words, names_of_product
from metrics.weights import WeightsMissing, WeightsWrong, find

if TYPE_CHECKING:
    from metrics.judges.own.training import Trained

FORMAT = 1
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


def check_name(name: str) -> None:
    """Raises ValueError for one that is not lower-case letters, digits and hyphens."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r}: a judge's name is of lower-case letters, digits and hyphens, 50 at most")


def save(trained: Trained, name: str, extractors: dict[str, str], facts: dict[str, Any], folder: Path) -> Path:
    """Write it whole under `folder/own/name`, in place of an earlier one; returns that folder.

    extractors: name → identity of the features it was trained on, beside the signal measures; facts: of the data, for
    the card. Raises ValueError for a wrong name.
    """
    from safetensors.numpy import save as serialized

    check_name(name)
    arrays = {f"weight.{n}": np.ascontiguousarray(w, np.float32) for n, w in enumerate(trained.layers.weights)}
    arrays |= {f"bias.{n}": np.ascontiguousarray(b, np.float32) for n, b in enumerate(trained.layers.biases)}
    content = serialized(arrays)
    told = {
        "format": FORMAT,
        "name": name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "aspects": list(trained.aspects),
        "columns": list(trained.columns),
        "extractors": extractors,
        "calibration": [asdict(each) for each in trained.calibrations],
        "card": trained.card | facts,
    }
    place = folder / "own" / name
    place.mkdir(parents=True, exist_ok=True)
    for file, data in (
        ("judge.safetensors", content),
        ("judge.json", json.dumps(told, indent=1, sort_keys=True).encode()),
    ):
        part = place / f"{file}.part"
        part.write_bytes(data)
        part.replace(place / file)
    return place


def names(folder: Path) -> list[str]:
    """The judges that were trained here."""
    return sorted(path.parent.name for path in (folder / "own").glob("*/judge.json"))


class OwnOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    judge: str = Field(default="", description="which of the trained ones; may be left out where there is one")


class Own:
    """The team's own judge: features of a clip in, a score per aspect out; the prompt is read where a measure of text
    and picture is among its features, and else not."""

    Options = OwnOptions

    def __init__(self, options: OwnOptions, weights: Path) -> None:
        self.options, self.folder = options, weights
        self.layers: Any = None
        self.using: dict[str, Any] = {}
        self.words: dict[str, Any] = {}
        self.texts: Words | None = None

    @property
    def told(self) -> dict[str, Any]:
        """Its JSON. Raises JudgeUnavailable, saying what to type."""
        known = names(self.folder)
        name = self.options.judge or (known[0] if len(known) == 1 else "")
        if name not in known:
            raise JudgeUnavailable(
                f"choose one of {', '.join(known)} with the option judge"
                if known and not name
                else f"no own judge {name or 'yet'} in {self.folder / 'own'}: `manage.py train_judge COMPARISON --name "
                f"{name or 'NAME'}` trains one"
            )
        found: dict[str, Any] = json.loads((self.folder / "own" / name / "judge.json").read_text())
        return found

    @property
    def declaration(self) -> Declaration:
        told = self.told
        simulated, reads = told["card"].get("simulated_votes", 0), told["card"].get("reads_words", False)
        return Declaration(
            name="own",
            version=told["name"][:50],
            mode="pointwise",
            natives=tuple(told["aspects"]),
            aspects={aspect: {aspect: 1.0} for aspect in told["aspects"]},
            needs_prompt=reads,
            sampling=Sampling(),
            preprocessing="signal measures of metrics.video; " + "; ".join(_called(told["extractors"])),
            max_batch=4,
            weights=(WeightsUsed(name=told["name"], revision=str(told["format"]), sha256=told["sha256"]),),
            licence="the team's own",
            settings={"simulated_votes": simulated, "trained_on": told["card"].get("comparisons", [])}
            | ({"label": "trained on simulated votes"} if simulated else {})
            | ({} if reads or "relevance" not in told["aspects"] else {"sees_no_words": ["relevance"]}),
        )

    def probe(self) -> list[str]:
        try:
            told = self.told
        except JudgeUnavailable as error:
            return [str(error)]
        problems = []
        for extractor in told["extractors"]:
            if extractor != "builtin":
                try:
                    find(weights_of(extractor), self.folder)
                except (WeightsMissing, WeightsWrong) as error:
                    problems.append(str(error))
        return problems

    def load(self) -> None:
        from safetensors.numpy import load_file

        told = self.told
        path = self.folder / "own" / told["name"] / "judge.safetensors"
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != told["sha256"]:
            raise WeightsWrong(f"own judge {told['name']}: {path} is not the file that was trained; train it again")
        arrays = load_file(path)
        count = len(arrays) // 2
        weights, biases = ([arrays[f"{kind}.{n}"] for n in range(count)] for kind in ("weight", "bias"))
        self.layers = resolve("metrics.judges.own.layers:Layers")(tuple(weights), tuple(biases))
        for name, identity in told["extractors"].items():
            if name in WITH_WEIGHTS:
                metric = WITH_WEIGHTS[name]
                found = find(metric.weights, self.folder)
                if found.sha256 != identity:
                    raise WeightsWrong(f"own judge {told['name']} was trained on other weights of {metric.weights}")
                self.words[name] = resolve(metric.network)(found.paths)
                continue
            using = resolve("metrics.features.extracting:extractor")(PICTURES if name == PRODUCT else name, self.folder)
            if using.identity != identity:
                raise JudgeUnavailable(
                    f"own judge {told['name']} was trained on {identity}, and here is {using.identity}: train it again"
                )
            self.using[name] = using
            if name == PRODUCT:
                self.texts = Words(find(PICTURES, self.folder).paths)

    def score(self, clips: Sequence[Shown]) -> list[Outcome]:
        if self.layers is None:
            self.load()
        told = self.told
        return [self._score(clip, told["columns"], told["aspects"]) for clip in clips]

    def _score(self, clip: Shown, columns: list[str], aspects: list[str]) -> Outcome:
        from metrics.frames import Prepared
        from metrics.judges.own.examples import names_of, pooled

        frames, fps = clip.read()
        prepared, found, reasons = Prepared(frames), {}, []
        for name in METRICS:
            if name in columns:
                try:
                    found[name] = float(METRICS[name].load()(prepared, fps))
                except ValueError as error:
                    reasons.append(f"{name}: {error}")
        for name, network in self.words.items():
            try:
                found[name] = float(WITH_WEIGHTS[name].load()(prepared, fps, network, clip.prompt))
            except ValueError as error:
                reasons.append(f"{name}: {error}")
        for name, using in self.using.items():
            (rows,) = using.rows([using.prepare(frames, fps)])
            if name != PRODUCT:
                found |= zip(names_of(name, rows.shape[1]), pooled(rows).tolist(), strict=True)
            elif self.texts:
                found |= zip(names_of_product(rows.shape[1]), self.texts.product(rows, clip.prompt), strict=True)
        if missing := [column for column in columns if column not in found]:
            return Outcome("skipped", reason="; ".join(reasons) or f"no feature {missing[0]}")
        row = np.array([[found[column] for column in columns]], dtype=np.float32)
        return Outcome("ok", dict(zip(aspects, self.layers(row)[0].tolist(), strict=True)))


def _called(extractors: dict[str, str]) -> list[str]:
    """Identities of features; those of a measure of text and picture are checksums of its weights."""
    return [
        f"{name}, weights {each}" if name in WITH_WEIGHTS else f"times its text: {each}" if name == PRODUCT else each
        for name, each in extractors.items()
    ]


def weights_of(extractor: str) -> str:
    """The name of those that it needs. Raises KeyError for an unknown one."""
    if extractor in WITH_WEIGHTS:
        return WITH_WEIGHTS[extractor].weights
    if extractor == PRODUCT:
        return PICTURES
    found: str = resolve("metrics.features:EXTRACTORS")[extractor].weights
    return found
