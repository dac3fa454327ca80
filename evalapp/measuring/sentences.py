"""Why something could not be measured, in the reader's language: said in English, once, and recognised by pages."""

from functools import cache
from typing import Any

from django.utils.translation import gettext

from evalapp.catalog import refusals
from evalapp.recognising import Templates
from metrics import JUDGES


def spoken(text: str) -> str:
    """The sentence in the language of the page; what no template fits stays as it is. Generators say why a file cannot
    be read."""
    return _templates().spoken(text)


def spoken_of_judge(text: str) -> str:
    """The same of what begins with the name of a judge, which may lack several things."""
    name, _, problems = text.partition(": ")
    if name not in JUDGES:
        return spoken(text)
    if (told := spoken(problems)) != problems:
        return f"{name}: {told}"
    whole = spoken(text)
    return whole if whole != text else f"{name}: {'; '.join(map(spoken, problems.split('; ')))}"


def declared_words(declared: dict[str, Any]) -> dict[str, str]:
    """What a judge's declaration says in words: preprocessing and licence, part by part, and which frames it sees."""
    frames = declared["sampling"]
    told = {"all": gettext("all"), "count": gettext("%(n)s, evenly spread"), "rate": gettext("%(n)s a second")}
    seen = told[frames["kind"]] % {"n": f"{frames['value'] or 0:g}"}
    said = {name: in_parts(declared[name]) for name in ("preprocessing", "licence")}
    return said | {"frames": "; ".join(filter(None, (seen, in_parts(frames["pooled"]))))}


def in_parts(declared: str) -> str:
    """Words of a declaration, such as a licence, in the language of the page."""
    return "; ".join(map(_declarations().spoken, declared.split("; ")))


@cache
def _templates() -> Templates:
    return Templates((*KNOWN, *refusals.KNOWN))


@cache
def _declarations() -> Templates:
    return Templates(DECLARED)


DECLARED: tuple[str, ...] = (
    "lossless master, every frame, RGB",
    "measures of metrics.video, version 1",
    "signal measures of metrics.video",
    "times its text: {features}",
    "{name}, weights {digest}",
    "done elsewhere",
    "frames with number and time, JPEG {quality}",
    "mean over {n} frames",
    "shorter side to the network's size by Pillow's bicubic, middle square",
    "text cut to the network's places, {n} words",
    "text cut to the network's places",
    "longer side to the network's size by torch's antialiased bicubic on tensors, black around",
    "text cut",
    "sides to multiples of the network's step by Pillow's bicubic, {least} to {most} pixels, 2 frames together",
    "sides to multiples of the network's step by Pillow's bicubic, {least} to {most} pixels, a video's frames as so "
    "many images",
    "sides to multiples of the network's step by Pillow's bicubic, {least} to {most} pixels",
    "sides to multiples of the network's step by Pillow's bicubic, {most} pixels",
    "plain positions",
    "squashed to the network's size by Pillow's bicubic",
    "{n} words",
    "CLIP's mean colour around to a square, to the network's size by Pillow's bicubic",
    "longer side {most} at most, either one {least} at least, by Pillow's bilinear",
    "the team's own",
    "not stated by its source",
    "InternVideo's code Apache-2.0, CLIP's words MIT",
    "not stated for the file",
    "IQA-PyTorch is non-commercial, MUSIQ itself Apache-2.0",
    "Qwen research licence, non-commercial",
    "Llama 2 community licence",
)
"""Parts of judges' declarations: of their preprocessing, their frames and their licences."""
KNOWN: tuple[str, ...] = (
    # Choices
    "{name} compares with a reference set: choose a contender (--reference CONTENDER)",
    "no contender is called {name}",
    "{name} has no clip that is ready: render or import some first",
    "{comparison} is being measured already: wait for run {run}, or cancel it",
    "{name}: {file} is neither in {place} nor in the hub cache; get it with {command}",
    "`manage.py weights fetch {name}` ({licence}, {source})",
    "not stated by its source",
    # Training the team's own judge
    "no judge can be trained on so few votes ({problems})",
    "{aspect}: {votes} votes on {prompts} prompts: it takes {most} on {least}",
    "{aspect}: {ties} of {votes} votes are ties: {least} decided ones are needed",
    "there are none",
    "every clip has the same features: there is nothing to learn from",
    "none of the votes is on clips whose files are here: import them under the same prompts",
    "no feature extractor is called {name}; known: {names}",
    "{name}: a judge's name is of lower-case letters, digits and hyphens, 50 at most",
    "own judge {name} is there already and was not trained in this project: choose another name",
    "an own judge {name} is being trained already: wait for it, cancel it, or choose another name",
    "there is no comparison {code} in this project",
    # Files
    "{clip}: {file} is gone from {folder}; bring it there again",
    "{clip}: {file} is not the file that was stored; bring it there again",
    "and {n} more",
    # Ends
    "{n} workers died at it: see their logs; what came is kept, and a new run goes on from there",
    # Judges
    "{name} asks nobody for money: leave the budget out",
    "{name}: its server has no price; give input_price and output_price, or budget its calls",
    "{version} is being asked about {comparison} already: run {run} is {state}; wait for it, or cancel it on the page "
    "or with {command}",
    "{calls} calls were made, and the next answers may take {next}: {most} are allowed",
    "{spent} were spent, and the next answers may cost {next}: {most} are allowed",
    "JUDGE_SERVERS has no {name}: it is empty here; add it where the worker's environment is set",
    "JUDGE_SERVERS has no {name}: {near}; add it where the worker's environment is set",
    "JUDGE_SERVERS: {server} has no key, without which {protocol} answers nobody",
    "JUDGE_SERVERS cannot be read: {error}",
    "{url} cannot be reached: {error}; is the address right, and is it running?",
    "the server answered {status}: {words}; look at the key, the model's name and the address",
    "choose one of {names} with the option judge",
    "no own judge yet in {folder}: {command} trains one",
    "no own judge {name} in {folder}: {command} trains one",
    "own judge {name}: {path} is not the file that was trained; train it again",
    "{name}: {path} has the checksum {seen}, and {file} is {known}; remove it and run {command}; if this one is meant "
    "from now on, {anew}",
    "{name}: {path} has the checksum {seen}, and {file} is {known}; remove it and run {command}",
    "{name}: its source publishes no checksum of {file}; look where the file came from, then record it with {command}",
    "{file}: upload a {endings} file",
    "{file}: larger than {n} MiB; name its path on the command line",
    "{path}: no column of scores beside {columns}",
    "{path}, row {row}: {name} is {value}, no finite number",
    "{path}: {n} rows do not say whose they are: give {told}",
    "{path}: scores {which} twice",
    "{path} has no column {name} for {aspect}: {columns}",
)
