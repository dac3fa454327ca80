"""Set distances: by hand, against published formulas written the long way, and by what must never change."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import stdtrit

from metrics.distances import (
    Gaussian,
    Moments,
    frechet_distance,
    frechet_estimate,
    frechet_of,
    gaussian_of,
)
from metrics.kernels import cmmd_estimate, jedi_estimate, kid, kid_estimate, kid_of_subsets
from metrics.manifolds import inception_score, manifold


def rows(n, d, seed, scale=1.0, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ (np.eye(d) + 0.3 * np.random.default_rng(7).normal(size=(d, d))) * scale + shift


def by_matrix_root(a, b):
    from scipy.linalg import sqrtm

    step = a.mean - b.mean
    return step @ step + np.trace(a.covariance + b.covariance - 2 * sqrtm(a.covariance @ b.covariance).real)


def test_two_round_gaussians_differ_by_their_means_and_widths():
    near, far = Gaussian(np.zeros(3), np.eye(3)), Gaussian(np.array([3.0, 0, 4.0]), 4 * np.eye(3))
    assert frechet_distance(near, far) == pytest.approx(25 + 3 * (2 - 1) ** 2)


def test_frechet_agrees_with_the_matrix_root_of_scipy():
    a, b = gaussian_of(rows(400, 24, 1)), gaussian_of(rows(300, 24, 2, scale=1.3, shift=0.2))
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-9)


def test_frechet_is_symmetric_and_nought_between_equals():
    a, b = gaussian_of(rows(200, 8, 1)), gaussian_of(rows(200, 8, 2))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_fewer_rows_than_features_give_the_same_distance_as_their_singular_covariances():
    x, y = rows(20, 40, 1), rows(30, 40, 2, shift=0.3)
    assert frechet_of(x, y) == pytest.approx(frechet_distance(gaussian_of(x), gaussian_of(y)), rel=1e-6)


def test_the_two_published_covariances_are_told_apart():
    x, y = rows(50, 4, 1), rows(50, 4, 2)
    assert np.allclose(gaussian_of(x, ddof=1).covariance, np.cov(x.T))
    assert np.allclose(gaussian_of(x, ddof=0).covariance, np.cov(x.T, ddof=0))
    assert frechet_of(x, y, ddof=0) != frechet_of(x, y, ddof=1)


def test_moments_merge_in_any_order_into_those_of_all_rows():
    x = rows(97, 6, 3, shift=100)
    parts = [Moments(6) for _ in range(3)]
    for part, piece in zip(parts, np.split(x, [10, 60]), strict=True):
        part.add(piece)
    total = Moments(6)
    for part in (parts[2], Moments(6), parts[0], parts[1]):
        total.merge(part)
    assert total.count == 97
    assert np.allclose(total.gaussian().covariance, np.cov(x.T), rtol=1e-10)


@given(
    rows=arrays(np.float64, st.tuples(st.integers(2, 40), st.integers(1, 5)), elements=st.floats(-1e3, 1e3)),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_parts_in_any_order_and_any_nesting_make_the_moments_of_the_whole(rows, cuts, order):
    parts = []
    for piece in np.split(rows, sorted(min(cut, len(rows)) for cut in cuts)):
        parts.append(Moments(rows.shape[1]))
        if len(piece):
            parts[-1].add(piece)
    while len(parts) > 1:
        order.shuffle(parts)
        parts[-2].merge(parts.pop())
    (total,) = parts
    scale = max(1.0, float(np.abs(rows).max()))
    assert total.count == len(rows)
    np.testing.assert_allclose(total.mean, rows.mean(0), rtol=1e-10, atol=1e-10 * scale)
    second = total.scatter / total.count + np.outer(total.mean, total.mean)
    np.testing.assert_allclose(second, rows.T @ rows / len(rows), rtol=1e-10, atol=1e-10 * scale**2)


def test_the_estimate_from_halves_is_nearer_the_truth_and_its_interval_holds_it():
    d, truth = 12, 12 * 0.25 + 12 * (1.2 - 1) ** 2
    hits, plain, freed = 0, [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = frechet_estimate(rng.normal(size=(240, d)), 0.5 + 1.2 * rng.normal(size=(240, d)), rng)
        hits += found.low <= truth <= found.high
        plain.append(found.plain)
        freed.append(found.value)
    assert abs(np.mean(freed) - truth) < abs(np.mean(plain) - truth) / 2
    assert hits >= 16


def test_the_interval_is_as_wide_as_the_estimate_scatters_where_few_features_are_nearly_alike():
    d, n = 12, 160
    mix = np.eye(d) + 0.1 * np.random.default_rng(3).normal(size=(d, d)) / np.sqrt(d)
    values, errors = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = frechet_estimate(rng.normal(size=(n, d)), rng.normal(size=(n, d)) @ mix + 0.05, rng)
        values.append(found.value)
        errors.append((found.high - found.low) / (2 * stdtrit(n - 1, 0.975)))
    # influences of the rows themselves alone would say 1.2
    assert np.sqrt(np.mean(np.square(errors))) / np.std(values) == pytest.approx(1, abs=0.1)


def test_too_few_rows_are_said_to_be_too_few_instead_of_a_number():
    found = frechet_estimate(rows(20, 12, 1), rows(300, 12, 2), np.random.default_rng(0))
    assert found.value is None
    assert "N too small: 20 rows, 26" in found.reason


def test_the_floor_is_what_equal_distributions_give():
    rng = np.random.default_rng(1)
    draws = [frechet_estimate(rng.normal(size=(100, 6)), rng.normal(size=(100, 6)), rng) for _ in range(30)]
    assert np.mean([d.floor for d in draws]) == pytest.approx(np.mean([d.plain for d in draws]), rel=0.2)


def test_rows_of_one_cluster_widen_the_interval():
    rng = np.random.default_rng(5)
    x, y = np.repeat(rng.normal(size=(60, 4)), 4, axis=0), rng.normal(size=(240, 4)) + 1
    alone = frechet_estimate(x, y, np.random.default_rng(0))
    joint = frechet_estimate(x, y, np.random.default_rng(0), x_clusters=np.repeat(np.arange(60), 4))
    assert joint.high - joint.low > 1.3 * (alone.high - alone.low)


def test_kid_by_hand():
    x, y = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    # kernels (xy + 1)³: within x 1, within y 27, across 1, 1, 8, 27
    assert kid(x, y) == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kid_in_blocks_is_kid_at_once(monkeypatch):
    x, y = rows(70, 5, 1), rows(50, 5, 2)
    whole = kid(x, y)
    monkeypatch.setattr("metrics.kernels.BLOCK", 16)
    assert kid(x, y) == pytest.approx(whole, rel=1e-12)


def test_kid_of_subsets_as_large_as_the_sets_is_kid_without_spread():
    x, y = rows(40, 5, 1), rows(40, 5, 2)
    mean, spread = kid_of_subsets(x, y, np.random.default_rng(0), subsets=3, size=40)
    assert mean == pytest.approx(kid(x, y))
    assert spread == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValueError, match="smaller size"):
        kid_of_subsets(x, y, np.random.default_rng(0), size=41)


def test_kid_of_one_distribution_is_about_nought_on_both_sides():
    values = [kid(rows(60, 4, s), rows(60, 4, 100 + s)) for s in range(40)]
    assert min(values) < 0 < max(values)


def test_precision_recall_density_and_coverage_by_hand():
    real, generated = np.array([[0.0], [1.0], [10.0]]), np.array([[0.5], [0.6], [30.0]])
    # k = 1: radii of real 1, 1, 9; of generated 0.1, 0.1, 29.4. 0.5 and 0.6 lie in two balls of real each;
    # 30 lies 20 from the last. Real 0 is 30 from 30, the others 29 and 20, within its ball; 10 has nothing within 9.
    found = manifold(real, generated, k=1)
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.density == pytest.approx((2 + 2 + 0) / 3)
    assert found.coverage == pytest.approx(2 / 3)


def test_manifold_in_blocks_is_manifold_at_once(monkeypatch):
    x, y = rows(70, 3, 1), rows(50, 3, 2, shift=0.5)
    whole = manifold(x, y)
    monkeypatch.setattr("metrics.manifolds.BLOCK", 16)
    again = manifold(x, y)
    assert (again.precision, again.recall, again.density, again.coverage) == (
        whole.precision,
        whole.recall,
        whole.density,
        whole.coverage,
    )


def test_kernel_distances_keep_their_published_bias_apart():
    x, y = rows(60, 6, 1) / 4, rows(50, 6, 2, shift=0.2) / 4
    for estimate, kernel, scale in (
        (cmmd_estimate, lambda a, b: np.exp(-((a - b) ** 2).sum() / 200), 1000),
        (jedi_estimate, lambda a, b: (a @ b / 6) ** 2, 100),
    ):
        table = {
            name: np.array([[kernel(a, b) for b in q] for a in p])
            for name, p, q in (("xx", x, x), ("yy", y, y), ("xy", x, y))
        }
        found = estimate(x, y)
        assert found.plain == pytest.approx(scale * (table["xx"].mean() + table["yy"].mean() - 2 * table["xy"].mean()))
        for name, n in (("xx", 60), ("yy", 50)):
            np.fill_diagonal(table[name], 0)
            table[name] *= n / (n - 1)
        assert found.value == pytest.approx(scale * (table["xx"].mean() + table["yy"].mean() - 2 * table["xy"].mean()))
        assert found.floor == pytest.approx(found.plain - found.value)
        assert found.low < found.value < found.high


def test_kids_interval_holds_the_truth():
    hits = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = kid_estimate(rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 1.0)
        # d = 2, E(s + 1)³ of s = x·x'/2: E s² = ½ gives 2.5 for N(0, 1); for N(1, 1) E s, s², s³ = 1, 2.5, 7 give 18.5;
        # across E s² = 1 gives 4.
        hits += found.low <= 2.5 + 18.5 - 2 * 4 <= found.high
    assert hits >= 34


def test_halves_keep_clusters_together():
    from metrics.distances import halves_of

    codes = np.repeat(np.arange(10), 3)
    one, other = halves_of(codes[:, None].astype(float), codes, np.random.default_rng(0))
    assert not set(one.ravel()) & set(other.ravel())
    assert len(one) == len(other) == 15


def test_inception_score_by_hand():
    # Two rows sure of two classes: p(y) = (½, ½), each KL is log 2; one row alone says nothing: 1.
    sure = np.array([[50.0, 0.0], [0.0, 50.0]])
    assert inception_score(sure, np.random.RandomState(0), splits=1) == pytest.approx((2.0, 0.0))
    assert inception_score(sure, np.random.RandomState(0), splits=2) == pytest.approx((1.0, 0.0))
    with pytest.raises(ValueError, match="N too small"):
        inception_score(sure, np.random.RandomState(0))


def test_what_is_not_finite_or_of_another_width_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        kid(np.array([[np.nan], [1.0]]), np.ones((2, 1)))
    with pytest.raises(ValueError, match="cannot be compared"):
        frechet_of(np.ones((3, 2)), np.ones((3, 4)))


def test_the_interval_of_the_inception_score_covers_what_other_rows_would_give():
    """100 studies of 300 rows: the mean of the published value over many studies lies in nearly all intervals."""
    from metrics.manifolds import inception_score_error

    def study(seed):
        logits = 2 * np.random.default_rng(seed).normal(size=(300, 12))
        value, _ = inception_score(logits, np.random.RandomState(0))
        return value, np.exp(1.97 * inception_score_error(logits, np.arange(300)))

    truth = np.mean([study(seed)[0] for seed in range(1000, 1400)])
    inside = sum(value / reach < truth < value * reach for value, reach in map(study, range(100)))
    assert 88 <= inside <= 99, inside


@pytest.mark.slow
def test_kid_of_subsets_has_an_interval_that_is_no_narrower_than_that_of_all_rows():
    from metrics.set_values import Sample, measure

    rng = np.random.default_rng(5)
    sample, reference = (
        Sample(rng.normal(shift, 1, (1100, 64)).astype(np.float32), np.arange(1100)) for shift in (0.02, 0)
    )
    found, whole = measure("kid_subsets", sample, reference), measure("kid", sample, reference)
    assert found.low < found.value < found.high
    assert found.high - found.low >= whole.high - whole.low
    assert found.low < whole.value < found.high
