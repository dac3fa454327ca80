"""Set distances from the same features as published implementations: torch-fidelity, pytorch-fid, prdc, sklearn."""

import numpy as np
import pytest
import torch

from metrics.distances import frechet_of
from metrics.kernels import kid_of_subsets
from metrics.manifolds import inception_score, manifold
from tests.metrics.networks import references


@pytest.fixture(scope="module")
def features():
    """Skewed, correlated, float32, as networks give them."""
    rng = np.random.default_rng(11)
    mix = np.eye(48) + 0.4 * rng.normal(size=(48, 48)) / 7
    real = np.maximum(rng.normal(size=(400, 48)) @ mix + 0.3, 0)
    generated = np.maximum(1.1 * rng.normal(size=(350, 48)) @ mix + 0.2, 0)
    return real.astype(np.float32), generated.astype(np.float32)


def test_fid_is_torch_fidelitys_and_pytorch_fids(features):
    known = references()
    real, generated = features
    ours = frechet_of(real, generated)
    statistics = [known.fid.fid_features_to_statistics(torch.from_numpy(rows)) for rows in features]
    theirs = known.fid.fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]
    assert ours == pytest.approx(theirs, rel=1e-5)
    exact = [(rows.astype(np.float64).mean(0), np.cov(rows.astype(np.float64), rowvar=False)) for rows in features]
    flat = [part for pair in exact for part in pair]
    assert ours == pytest.approx(known.pytorch_score.calculate_frechet_distance(*flat), rel=1e-6)


def test_fvds_frechet_is_that_of_tensorflows_roots_with_raw_moments(features):
    """StyleGAN-V and common_metrics: moments Σx and Σxxᵀ over n, and the root of a product by its eigenvalues."""
    moments = []
    for rows in features:
        rows = rows.astype(np.float64)
        mean = rows.sum(0) / len(rows)
        moments.append((mean, rows.T @ rows / len(rows) - np.outer(mean, mean)))
    (mean, first), (other, second) = moments
    root = np.sqrt(np.linalg.eigvals(first @ second).astype(complex)).real.sum()
    theirs = np.square(mean - other).sum() + np.trace(first + second) - 2 * root
    assert frechet_of(*features, ddof=0) == pytest.approx(theirs, rel=1e-6)


def test_kid_of_subsets_is_torch_fidelitys_with_its_seed(features):
    # In double precision: in single, last digits depend on how many cores are free.
    doubles = [rows.astype(np.float64) for rows in features]
    theirs = references().kid.kid_features_to_metric(
        *map(torch.from_numpy, doubles), kid_subsets=10, kid_subset_size=100, verbose=False
    )
    mean, spread = kid_of_subsets(*doubles, np.random.RandomState(2020), 10, 100)
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)
    assert spread == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-9)


def test_inception_score_is_torch_fidelitys(features):
    theirs = references().isc.isc_features_to_metric(torch.from_numpy(features[0]))
    mean, spread = inception_score(features[0], np.random.RandomState(2020))
    assert mean == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert spread == pytest.approx(theirs["inception_score_std"], rel=1e-6)


def test_precision_and_recall_are_torch_fidelitys(features):
    real, generated = features
    theirs = references().prc.prc_features_to_metric(
        torch.from_numpy(generated), torch.from_numpy(real), prc_neighborhood=3, verbose=False
    )
    found = manifold(real, generated, k=3, closed=True)
    assert found.precision == pytest.approx(theirs["precision"], abs=1e-6)
    assert found.recall == pytest.approx(theirs["recall"], abs=1e-6)


@pytest.mark.parametrize("k", [1, 5])
def test_precision_recall_density_and_coverage_are_prdcs(features, k):
    from prdc import compute_prdc

    theirs = compute_prdc(*features, nearest_k=k)
    found = manifold(*features, k=k)
    for name, value in theirs.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-9), name


def test_the_kernel_of_kid_is_sklearns(features):
    from sklearn.metrics.pairwise import polynomial_kernel

    from metrics.kernels import polynomial

    wide = [rows.astype(np.float64) for rows in features]
    np.testing.assert_allclose(polynomial(*wide), polynomial_kernel(*wide, degree=3, coef0=1), rtol=1e-12)
    np.testing.assert_allclose(polynomial(*wide, 2, 0.0), polynomial_kernel(*wide, degree=2, coef0=0), rtol=1e-12)
