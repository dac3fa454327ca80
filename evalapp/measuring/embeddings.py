"""What stored features say of each prompt: the mean of its clips' features, contenders alike."""

from collections import defaultdict

import numpy as np
from django.db.models import Count
from numpy.typing import NDArray

from evalapp.comparisons.models import Comparison
from evalapp.measuring.models import Features


def prompt_features(comparison: Comparison) -> tuple[dict[int, NDArray[np.float64]], str]:
    """Mean features of each prompt's clips by the prompt's id, and the name of the extractor that read most clips.

    Empty, and the reason in words, where no extractor has read every clip.
    """
    shown = defaultdict(list)
    for side in ("first", "second"):
        for sha256, prompt, pk in comparison.pairs.values_list(f"{side}__sha256", "prompt", f"{side}_id"):
            shown[sha256].append((prompt, pk))
    if not shown or "" in shown:
        return {}, "clips without a file have no features"
    read = Features.objects.filter(sha256__in=list(shown), reason="", width__gt=0)
    widest = read.values("extractor").annotate(n=Count("pk")).order_by("-n", "extractor").first()
    if not widest or widest["n"] < len(shown):
        return {}, f"no extractor has read all {len(shown)} clips: manage.py measure reads them"
    total: dict[int, NDArray[np.float64]] = {}
    count: dict[int, int] = defaultdict(int)
    for row in read.filter(extractor=widest["extractor"]).order_by("sha256").iterator(500):
        mean = np.frombuffer(bytes(row.data), dtype="<f4").reshape(-1, row.width).mean(axis=0, dtype=np.float64)
        for prompt, _ in sorted(set(shown[row.sha256])):
            total[prompt] = total.get(prompt, 0.0) + mean
            count[prompt] += 1
    return {prompt: total[prompt] / count[prompt] for prompt in total}, str(widest["extractor"])
