import numpy as np
import pytest

from reluctant.multivariate.points import homogeneous
from reluctant.multivariate.proofs.enumeration import fewest_parameters
from reluctant.multivariate.proofs.extreme_points import (
    critical_exponent,
    enumerate_vertices,
    minimise_lp,
    threshold_of,
)
from reluctant.multivariate.proofs.rays import extreme_rays, ray_count


def uniform(N, d, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)


@pytest.mark.parametrize(("N", "d"), [(3, 1), (4, 2), (5, 3), (5, 4)])
def test_rays_in_general_position_are_counted_by_the_formula(N, d):
    X = np.random.default_rng(N).uniform(-1, 1, (N, d))
    rays, values = extreme_rays(X)
    Z = homogeneous(X) @ rays.T
    np.testing.assert_allclose(np.maximum(Z.T, 0), values, atol=1e-12)
    assert len(rays) == len(np.unique(rays.round(9), axis=0))
    # A ray and its opposite; those that no point activates are left out.
    both = np.vstack([rays, -rays])
    assert len(np.unique(both.round(9) + 0.0, axis=0)) == ray_count(N, d)


def test_every_ray_is_pinned_by_its_zeros():
    X, _ = uniform(5, 3, 0)
    rays, _ = extreme_rays(X)
    for u in rays:
        on = np.abs(homogeneous(X) @ u) < 1e-12
        pinned = np.vstack([homogeneous(X)[on], np.eye(4)[u == 0]])
        assert np.linalg.matrix_rank(pinned) == 3


@pytest.mark.parametrize(("N", "d"), [(3, 1), (5, 1), (3, 2), (4, 2)])
def test_all_candidates_interpolate(N, d):
    X, y = uniform(N, d, 0)
    vertices = enumerate_vertices(X, y)
    Z = np.maximum(np.einsum("vkj,ij->vki", vertices.hinges, homogeneous(X)), 0)
    f = np.einsum("vk,vki->vi", vertices.signs, Z)
    weight = np.abs(Z).sum(axis=1).max(axis=1)
    assert np.all(np.abs(f - y).max(axis=1) <= 1e-9 * np.maximum(weight, 1))


@pytest.mark.gate(3)
@pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("y", [[0, 0, 1, 1, 0, 0], [0, 1, 0, 1, 0, 2], [1, 2, 4, 3, 3, 1]])
def test_minimum_is_below_every_network_random_descent_finds(p, y):
    """Random interpolants in one dimension: hinges at the data, then local moves along the null space."""
    X, y = np.arange(6.0)[:, None] - 2.0, np.array(y, float)
    _, value = minimise_lp(enumerate_vertices(X, y), p)
    rng = np.random.default_rng(0)
    Xbar = homogeneous(X)
    best = np.inf
    for _ in range(300):
        U = rng.normal(size=(9, 2))
        H = np.maximum(Xbar @ U.T, 0)
        if np.linalg.matrix_rank(H) < 6:
            continue
        v = np.linalg.pinv(H) @ y
        for _ in range(30):  # iteratively reweighted least squares, an interpolant at every step
            W = np.diag((np.abs(v) * np.sum(np.abs(U) ** p, axis=1) ** (1 / p) + 1e-9) ** (2 - p))
            v = W @ H.T @ np.linalg.pinv(H @ W @ H.T) @ y
        if np.abs(H @ v - y).max() < 1e-6:
            best = min(best, np.sum(np.abs(v[:, None] * U) ** p))
    assert value <= best * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_p_below_the_threshold_recovers_a_sparsest_network(seed):
    X, y = uniform(4, 2, seed)
    vertices = enumerate_vertices(X, y)
    fewest = fewest_parameters(X, y).lower_bound
    threshold = threshold_of(vertices)
    assert 0 < threshold <= critical_exponent(vertices).upper
    for p in (0.5 * threshold, 0.99 * threshold):
        assert minimise_lp(vertices, p)[0].n_parameters == fewest


@pytest.mark.parametrize("seed", range(6))
def test_critical_exponent_separates_sparsest_minimisers_from_others(seed):
    X, y = uniform(4, 2, seed)
    vertices = enumerate_vertices(X, y)
    critical = critical_exponent(vertices, width=1e-7)
    fewest = vertices.counts.min()
    for p in np.linspace(1e-4, critical.lower * (1 - 1e-9), 25):
        assert vertices.counts[np.argmin(vertices.costs(p))] == fewest
    if critical.upper < 1:
        others = vertices.costs(critical.upper)[vertices.counts > fewest].min()
        sparse = vertices.costs(critical.upper)[vertices.counts == fewest].min()
        assert others == pytest.approx(sparse, rel=1e-4)


def test_minimum_is_continuous_and_monotone_in_its_count_near_zero():
    X, y = uniform(4, 2, 7)
    vertices = enumerate_vertices(X, y)
    assert minimise_lp(vertices, 1e-4)[1] == pytest.approx(vertices.counts.min(), rel=1e-2)
    assert minimise_lp(vertices, 1e-4)[0].isclose(minimise_lp(vertices, 0)[0])


def test_minimisers_have_at_most_n_neurons():
    for seed in range(5):
        X, y = uniform(4, 2, seed)
        vertices = enumerate_vertices(X, y)
        for p in (0.3, 0.6, 0.9):
            assert minimise_lp(vertices, p)[0].n_neurons <= len(y)


def test_minimiser_is_reached_by_merging_rays():
    # Without merging, the hinge 0.5 x1 + x2 + 1 would have to be paid as several neurons.
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    y = X @ [0.5, 1.0] + 1.0
    network, value = minimise_lp(enumerate_vertices(X, y), 0.5)
    assert network.n_neurons == 1
    assert value == pytest.approx(np.sqrt([0.5, 1.0, 1.0]).sum())


def test_large_problems_are_refused():
    X, y = uniform(8, 3, 0)
    with pytest.raises(ValueError, match="use the search"):
        enumerate_vertices(X, y)
