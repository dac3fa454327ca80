"""Holm and Benjamini-Hochberg against published examples and other implementations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from statsmodels.stats import multitest

from metrics.preference.multiplicity import benjamini_hochberg, holm

some = arrays(float, st.integers(1, 20), elements=st.floats(0, 1))


@given(some)
def test_benjamini_hochberg_equals_scipys(p):
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@pytest.mark.slow
@settings(max_examples=20)  # theirs takes a twentieth of a second
@given(some)
def test_holm_equals_statsmodels(p):
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_benjamini_and_hochbergs_own_fifteen_p_values_reject_four_at_five_percent():
    # Benjamini & Hochberg (1995), section 4.1: Bonferroni rejects three, their procedure four.
    p = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1,
    ]
    assert (benjamini_hochberg(p) <= 0.05).sum() == 4
    assert (holm(p) <= 0.05).sum() == 3


@given(some)
def test_an_adjusted_p_value_is_never_below_the_raw_one_and_keeps_the_order(p):
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p)
        assert (adjusted >= p - 1e-12).all()
        assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


def test_a_missing_p_value_is_refused():
    with pytest.raises(ValueError, match="leave out"):
        holm([0.1, float("nan")])


def test_no_questions_need_no_adjustment():
    assert holm([]).tolist() == benjamini_hochberg([]).tolist() == []
