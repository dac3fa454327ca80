"""What judges declare, and what they lack, in the reader's language."""

from pathlib import Path

import pytest
from django.utils import translation

from evalapp.measuring.sentences import DECLARED, declared_words, in_parts, spoken_of_judge
from metrics import JUDGES
from metrics.judges.interface import Sampling
from metrics.judges.local import declared as local
from metrics.judges.signal import Signal
from metrics.weight_files import WEIGHTS

LICENCES = sorted({part for each in WEIGHTS.values() for part in each.licence.split("; ")})
NAMES = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC BY-NC 4.0", "CC BY-NC-SA 4.0", "DINO Apache-2.0")
PREPROCESSING = sorted(
    {part for each in vars(local).values() for part in str(getattr(each, "preprocessing", "")).split("; ") if part}
)


def test_every_part_of_a_declaration_has_its_russian():
    assert len(PREPROCESSING) > 10
    with translation.override("ru"):
        for part in (*PREPROCESSING, *(each for each in LICENCES if each not in NAMES), *DECLARED):
            assert in_parts(part) != part, part
        for part in NAMES:
            assert in_parts(part) == part


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(kind="count", value=8, pooled="mean over 8 frames")])
def test_the_page_of_a_judge_tells_its_frames_in_words(sampling):
    change = {"sampling": sampling, "licence": "the team's own"}
    told = Signal(Signal.Options(), Path("weights")).declaration.model_copy(update=change)
    words = declared_words(told.model_dump(mode="json"))
    assert words["frames"] in ("all", "8, evenly spread; mean over 8 frames")
    assert words["preprocessing"] == told.preprocessing
    with translation.override("ru"):
        russian = declared_words(told.model_dump(mode="json"))
        assert russian["frames"] in ("все", "8, равномерно; среднее по кадрам: 8")
        assert russian["licence"] == "собственный судья команды"
        assert russian["preprocessing"].startswith("мастер без потерь")


def test_weights_that_are_lacking_are_told_with_their_licence():
    assert "videoscore2" in JUDGES
    lacks = (
        "videoscore2: videoscore2: config.json is neither in /w nor in the hub cache; get it with "
        "`manage.py weights fetch videoscore2` (not stated by its source, hub:TIGER-Lab/VideoScore2@main)"
    )
    with translation.override("ru"):
        assert "источник не указал лицензию" in spoken_of_judge(lacks)
        assert "get it" not in spoken_of_judge(lacks)
