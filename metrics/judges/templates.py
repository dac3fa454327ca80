"""What a vision-language model is asked about two clips, and how its answer is read.

`aspects` is the house's own. The others follow published protocols, with their answer formats: `genai-bench` in the
wording of its paper (arXiv 2406.04485, appendix A.6; MIT), `mmrb2` (arXiv 2512.16899) and `mj-bench` (arXiv 2407.04842)
in our words, since theirs are not free to copy; figures published for those are therefore comparable in kind only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from metrics.judges.interface import Mode

QUESTIONS = {
    "beauty": "Which is more beautiful: colourful rather than dull, crisp rather than blurred, within its style?",
    "softness": "Which moves more softly: no jerks, each position flowing from the one before?",
    "movement": "Whose movement is better: enough and not too much of it, harmonious and realistic?",
    "consistency": "Which is more consistent: objects do not turn into others, change colour, vanish or appear?",
    "defects": "Which has fewer defects, in the main object and in the background: boiling, flicker, distortions?",
    "relevance": "Which follows the text better: every described detail and the action are there?",
    "preference": "Which do you prefer, all in all?",
}
IMPARTIAL = (
    "You are an impartial judge of generated videos and images. The order in which the two are shown means nothing; "
    "neither do their length or size."
)
Values = dict[str, float]


class Unparsed(Exception):
    """The answer is not in the form that was asked for; the message says why."""


@dataclass(frozen=True)
class Template:
    """natives and aspects as in a Declaration; asks: the kind of media → what is asked after the clips; schema: of the
    answer; read: the answer → native values above 0 for A. Raises Unparsed."""

    natives: tuple[str, ...]
    aspects: dict[str, dict[str, float]]
    asks: Callable[[str], str]
    read: Callable[[str], Values]
    schema: dict[str, Any] | None = None
    system: str = IMPARTIAL
    mode: Mode = "pairwise"


def template_named(name: str, questions: dict[str, str]) -> Template:
    """questions: by aspect for `aspects`, by aspect.name for `checklist`. Raises KeyError, ValueError."""
    if name == "checklist":
        from metrics.judges.checklist import checklist

        return checklist(questions)
    return _by_aspect(questions or QUESTIONS) if name == "aspects" else PUBLISHED[name]


def _by_aspect(questions: dict[str, str]) -> Template:
    choice = {"type": "string", "enum": ["A", "B", "tie"]}
    schema = {
        "type": "object",
        "properties": {"reason": {"type": "string"}, **dict.fromkeys(questions, choice)},
        "required": ["reason", *questions],
        "additionalProperties": False,
    }
    listed = "\n".join(f"- {aspect}: {question}" for aspect, question in questions.items())

    def asks(kind: str) -> str:
        return (
            f"Compare {kind} A with {kind} B. Answer each question for itself with A, B or tie; tie where you see no "
            f"difference that counts.\n{listed}\nAnswer as JSON with the key reason (one short sentence) and the keys "
            f"{', '.join(questions)}, each A, B or tie."
        )

    def read(text: str) -> Values:
        told = answered_object(text)
        values = {"A": 1.0, "B": -1.0, "tie": 0.0}
        for aspect in questions:
            if told.get(aspect) not in values:
                raise Unparsed(f"{aspect} is {told.get(aspect)!r}, not A, B or tie")
        return {aspect: values[told[aspect]] for aspect in questions}

    return Template(tuple(questions), {aspect: {aspect: 1.0} for aspect in questions}, asks, read, schema)


def answered_object(text: str) -> dict[str, Any]:
    """The JSON object in an answer, which may stand between other words."""
    start, end = text.find("{"), text.rfind("}")
    try:
        told = json.loads(text[start : end + 1]) if start >= 0 else None
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Unparsed("no JSON object in the answer")
    return told


def _genai_asks(kind: str) -> str:
    of_video = [
        "Whether the text prompt has been followed successfully in the generated video.",
        "Whether the generated video looks natural, such as the sense of distance, shadow, and lighting.",
        "Whether the generated video is good visual quality, such as clearness, resolution, brightness, and color.",
        "Whether the generated video is consistent and coherent in terms of the scene, objects, and characters.",
        "Whether the generated video is dynamic and not static like a single image.",
        "Whether the generated video is visually appealing and esthetically pleasing.",
    ]
    of_image = [
        "Whether the text prompt has been followed successfully in the generated image.",
        "Whether the generated image looks natural, such as the sense of distance, shadow, and lighting.",
        "Whether the generated image contains any artifacts, such as distortion, watermark, scratches, blurred faces, "
        "unusual body parts, or subjects not harmonized.",
        "Whether the generated image is visually appealing and esthetically pleasing.",
    ]
    criteria = "\n".join(f"{n}. {each}" for n, each in enumerate(of_video if kind == "video" else of_image, 1))
    return (
        f"When evaluating the quality of the generated {kind}s, you must identify the any inappropriateness in the "
        f"edited {kind}s by considering the following criteria:\n{criteria}\n"
        "After providing your explanation, you must output only one of the following choices as your final verdict "
        "with a label:\n1. Model A is better: [[A>B]]\n2. Model B is better: [[B>A]]\n"
        "3. Tie, relatively the same acceptable quality: [[A=B=Good]]\n4. Both are bad: [[A=B=Bad]]"
    )


def _genai_read(text: str) -> Values:
    """The last label counts; both kinds of tie are a tie, and the raw answer tells them apart."""
    labels = re.findall(r"\[\[(A>>?B|B>>?A|A=B=Good|A=B=Bad|A=B)\]\]", text, re.IGNORECASE)
    if not labels:
        raise Unparsed("no label such as [[A>B]] in the answer")
    label = labels[-1].lower().replace(">>", ">")
    return {"choice": {"a>b": 1.0, "b>a": -1.0}.get(label, 0.0)}


def _mmrb2_asks(kind: str) -> str:
    return (
        f"Judge which {kind} answers the text better, step by step: faithfulness to the text (composition, objects, "
        "attributes, relations), written words in the picture where there are any, agreement of text and picture, and "
        "overall technical and aesthetic quality. Then give one score from 6 to 1 and never a tie: 6 A is clearly "
        "better, 5 A noticeably, 4 A barely or unsure, 3 B barely or unsure, 2 B noticeably, 1 B clearly. Tell how "
        "confident you are from 0 to 1, cautiously. Answer as JSON with the keys reasoning, score, better_response "
        "(A or B) and confidence."
    )


def _mmrb2_read(text: str) -> Values:
    told = answered_object(text)
    score = told.get("score")
    if isinstance(score, bool) or not isinstance(score, int) or not 1 <= score <= 6:
        raise Unparsed(f"score is {score!r}, not a whole number from 1 to 6")
    if told.get("better_response") != ("A" if score >= 4 else "B"):
        raise Unparsed(f"score {score} and better_response {told.get('better_response')!r} contradict each other")
    return {"score": (score - 3.5) / 2.5}


MMRB2_SCHEMA = {
    "type": "object",
    "properties": {
        "reasoning": {"type": "string"},
        "score": {"type": "integer", "enum": [1, 2, 3, 4, 5, 6]},
        "better_response": {"type": "string", "enum": ["A", "B"]},
        "confidence": {"type": "number"},
    },
    "required": ["reasoning", "score", "better_response", "confidence"],
    "additionalProperties": False,
}


def _mj_asks(kind: str) -> str:
    return (
        f"{kind.capitalize()} A is IMAGE-1 and {kind} B is IMAGE-2. Rate how well each agrees with the text from 0 "
        "(not at all) to 10 (wholly), then name the better one: 1, 2, or 0 where neither is; avoid 0 where you can. "
        "Answer in four lines:\nIMAGE-1 RATING: <0-10>\nIMAGE-2 RATING: <0-10>\nBETTER IMAGE: <0, 1 or 2>\n"
        "ANALYSIS OF CHOICE: <a sentence>"
    )


def _mj_read(text: str) -> Values:
    rating = r"(\d+(?:\.\d+)?)"
    first, second = (re.search(rf"IMAGE-{n} RATING:\s*{rating}", text, re.IGNORECASE) for n in (1, 2))
    better = re.search(r"BETTER IMAGE:\s*(?:IMAGE[- ]?)?([0-2])\b", text, re.IGNORECASE)
    if not (first and second and better):
        raise Unparsed("IMAGE-1 RATING, IMAGE-2 RATING or BETTER IMAGE is missing")
    ratings = float(first[1]), float(second[1])
    if max(ratings) > 10:
        raise Unparsed(f"ratings {ratings[0]:g} and {ratings[1]:g} are not within 0 to 10")
    return {"rating": (ratings[0] - ratings[1]) / 10, "choice": {"0": 0.0, "1": 1.0, "2": -1.0}[better[1]]}


PUBLISHED = {
    "genai-bench": Template(
        ("choice",),
        {"preference": {"choice": 1.0}},
        _genai_asks,
        _genai_read,
        system="Please act as an impartial judge and a professional digital artist to evaluate the quality of the "
        "responses provided by two AI generation models to the user inputs displayed below.",
    ),
    "mmrb2": Template(("score",), {"preference": {"score": 1.0}}, _mmrb2_asks, _mmrb2_read, MMRB2_SCHEMA),
    "mj-bench": Template(("choice", "rating"), {"relevance": {"rating": 1.0}}, _mj_asks, _mj_read),
}
TEMPLATES = ("aspects", *PUBLISHED, "checklist")
