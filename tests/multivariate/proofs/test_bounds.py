import numpy as np
import pytest

from reluctant import ReLUNetwork, approximate, interpolate
from reluctant.multivariate.proofs.bounds import (
    Bound,
    certificate_for,
    elementary_bound,
    value_certificate,
)
from reluctant.multivariate.proofs.column_generation import minimise_l1
from reluctant.multivariate.proofs.enumeration import fewest_neurons, fewest_parameters
from reluctant.multivariate.proofs.extreme_points import enumerate_vertices, minimise_lp
from reluctant.multivariate.proofs.generic import generic_bound


def uniform(N, d, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize(("N", "d"), [(4, 1), (4, 2), (5, 2), (5, 3)])
def test_generic_bound_is_met_by_uniform_labels(N, d, affine):
    for seed in range(3):
        X, y = uniform(N, d, seed)
        assert fewest_parameters(X, y, affine=affine).lower_bound >= generic_bound("parameters", X, affine=affine)
        assert fewest_neurons(X, y, affine=affine).lower_bound >= generic_bound("neurons", X, affine=affine)


def jacobian_rank(X, K, m, affine, seed):
    """Dimension of the labels that K dense neurons reach near a random network, by differences."""
    rng = np.random.default_rng(seed)
    n = X.shape[1] + 1
    Xbar = np.column_stack([X, np.ones(len(X))])
    theta = rng.normal(size=K * (n + m) + (n * m if affine else 0))

    def f(theta):
        U, V = theta[: K * n].reshape(K, n), theta[K * n : K * (n + m)].reshape(K, m)
        out = np.maximum(Xbar @ U.T, 0) @ V
        return (out + Xbar @ theta[K * (n + m) :].reshape(n, m) if affine else out).ravel()

    h = 1e-6
    J = np.column_stack([(f(theta + h * e) - f(theta - h * e)) / (2 * h) for e in np.eye(len(theta))])
    return np.linalg.matrix_rank(J, tol=1e-6)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("d", [2, 4])
def test_fewer_neurons_than_the_generic_bound_reach_only_labels_of_lower_dimension(d, m, affine):
    N = 13
    X, _ = uniform(N, d, 0)
    bound = generic_bound("neurons", X, n_outputs=m, affine=affine)
    for seed in range(3):
        assert jacobian_rank(X, bound - 1, m, affine, seed) < N * m


def spike(X, i, height):
    """A hat over one coordinate that is `height` at row i and zero at all others: three neurons, six parameters."""
    order = np.argsort(X[:, 0])
    k = int(np.flatnonzero(order == i)[0])
    t = X[order[k - 1 : k + 2], 0]
    c = np.array([1 / (t[1] - t[0]), 0, 1 / (t[2] - t[1])]) * height
    c[1] = -c[0] - c[2]
    w = np.zeros((3, X.shape[1]))
    w[:, 0] = np.abs(c)
    return ReLUNetwork(w, -t * np.abs(c), np.sign(c), np.zeros(X.shape[1]), 0.0)


def inner_row(X, rng):
    """A row whose first coordinate is neither the smallest nor the largest, its neighbours there not too close."""
    order = np.argsort(X[:, 0])
    gaps = np.minimum(np.diff(X[order, 0])[:-1], np.diff(X[order, 0])[1:])
    return int(order[1 + np.argmax(gaps)])


def hidden_labels_are_not_counted(seeds, affine):
    """One label far above all others, or above an affine function and what the tolerance hides: six parameters do."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        N, d = int(rng.integers(8, 40)), int(rng.integers(2, 5))
        X, y = rng.uniform(-1, 1, (N, d)), rng.uniform(-1, 1, N)
        i = inner_row(X, rng)
        base = 1e12 * (X @ rng.uniform(-1, 1, d) + rng.uniform(-1, 1)) if affine else np.zeros(N)
        network = spike(X, i, 1e12)
        y = y + base + network(X)
        assert np.abs(network(X) + base - y).max() <= 1e-9 * np.abs(y).max()
        for quantity, count in (("parameters", 6), ("neurons", 3)):
            assert generic_bound(quantity, X, y, affine=affine) <= count, seed
            certificate = certificate_for(quantity, X, y, affine=affine, found=N)
            assert certificate.lower_bound <= count


def test_a_large_label_at_a_row_of_high_leverage_hides_the_others_too():
    hidden_labels_are_not_counted([600245], True)


@pytest.mark.parametrize("affine", [False, True])
def test_labels_below_the_tolerance_of_a_large_one_are_not_counted(affine):
    hidden_labels_are_not_counted(range(100), affine)


@pytest.mark.slow
@pytest.mark.parametrize("affine", [False, True])
def test_labels_below_the_tolerance_thousands(affine):
    hidden_labels_are_not_counted(range(1000, 5000), affine)


@pytest.mark.parametrize("affine", [False, True])
def test_labels_that_a_constant_meets_within_the_tolerance_count_once(affine):
    X, noise = uniform(20, 3, 0)
    y = 1e6 + 1e-4 * noise
    y[3] = -2e6
    assert generic_bound("parameters", X, y, affine=affine) <= 2
    assert generic_bound("parameters", X, noise, affine=affine) == 20 - 4 * affine


@pytest.mark.parametrize("affine", [False, True])
def test_every_label_counts_that_the_tolerance_tells_apart(affine):
    rng = np.random.default_rng(1)
    for N, d in ((10, 2), (50, 5), (300, 10)):
        X = rng.uniform(-1, 1, (N, d))
        for y in (rng.normal(size=N), rng.uniform(-1, 1, N) * 10.0 ** rng.uniform(-3, 0, N)):
            assert generic_bound("parameters", X, y, affine=affine) == N - (d + 1) * affine
    Y = np.column_stack([rng.normal(size=10), np.zeros(10), 1e-20 * rng.normal(size=10)])
    assert generic_bound("parameters", X[:10], Y) == 20
    assert generic_bound("neurons", X[:10, :2], Y) == generic_bound("neurons", X[:10, :2], n_outputs=2) == 5
    assert generic_bound("parameters", X[:6, :2], [0.0, 0.0, 1.0, 1.0, 2.0, 1.0 + 1e-12]) == 2


def test_generic_bound_counts_distinct_rows_and_ranks():
    X, _ = uniform(6, 3, 0)
    assert generic_bound("parameters", np.vstack([X, X[:2]])) == 6
    copied = np.column_stack([X, X])
    assert generic_bound("neurons", copied) == generic_bound("neurons", X) == 2
    assert generic_bound("parameters", copied, affine=True) == 2
    assert generic_bound("parameters", X, n_outputs=4, affine=True) == 8
    assert generic_bound("parameters", X[:2], affine=True) == 0


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_elementary_bound_never_exceeds_the_truth(seed, affine):
    rng = np.random.default_rng(seed)
    X = rng.integers(-2, 3, (4, 2)).astype(float)
    X = np.unique(X, axis=0)
    y = rng.integers(-1, 2, len(X)).astype(float)
    assert elementary_bound("parameters", X, y, affine=affine)[0] <= fewest_parameters(X, y, affine=affine).lower_bound
    assert elementary_bound("neurons", X, y, affine=affine)[0] <= fewest_neurons(X, y, affine=affine).lower_bound


def test_elementary_bound_of_several_outputs():
    X, _ = uniform(10, 3, 0)
    rng = np.random.default_rng(0)
    for K, m in [(2, 4), (3, 2), (1, 3)]:
        teacher = ReLUNetwork(rng.normal(size=(K, 3)), rng.normal(size=K), rng.normal(size=(K, m)))
        Y = teacher(X)
        neurons, _ = elementary_bound("neurons", X, Y)
        assert min(K, m) <= neurons <= max(K, 2)
        assert elementary_bound("parameters", X, Y)[0] <= teacher.n_parameters
        assert elementary_bound("neurons", X, Y, affine=True)[0] <= K
    assert elementary_bound("neurons", X, np.zeros((10, 2)))[0] == 0


UNEVEN = {  # scales and offsets of three columns
    "ratio 1e9": ([1, 1, 1e9], [0, 0, 0]),
    "ratio 1e14": ([1e-7, 1, 1e7], [0, 0, 0]),
    "ratio 1e16": ([1e-8, 1, 1e8], [0, 0, 0]),
    "timestamp": ([1, 1, 5], [0, 0, 1.7e9 + 5]),
}


def uneven_columns(columns, N):
    """X, the same before units and offsets, and labels affine in it."""
    scale, offset = map(np.array, UNEVEN[columns])
    X = np.random.default_rng(0).uniform(-1, 1, (N, 3)) * scale + offset
    Z = (X - offset) / scale
    return X, Z, Z @ [1.0, 2.0, 3.0] + 0.5


@pytest.mark.parametrize("columns", UNEVEN)
@pytest.mark.parametrize("N", [6, 10, 300])
def test_affine_labels_on_uneven_columns_take_no_parameter(columns, N):
    X, Z, y = uneven_columns(columns, N)
    for quantity in ("parameters", "neurons"):
        for tolerance in (0.0, 1e-6, 1e-2):
            assert elementary_bound(quantity, X, y, affine=True, tolerance=tolerance)[0] == 0
        assert elementary_bound(quantity, X, y + np.maximum(Z[:, 0], 0), affine=True)[0] == 1
    assert generic_bound("parameters", X, affine=True) == N - 4


@pytest.mark.parametrize("columns", ["ratio 1e9", "ratio 1e14", "ratio 1e16"])
def test_verbs_find_and_certify_an_affine_function_of_uneven_columns(columns):
    X, _, y = uneven_columns(columns, 10)
    for solution in (
        interpolate(X, y, affine=True, time_limit=5, random_state=0),
        approximate(X, y, tolerance=1e-3, affine=True, time_limit=5, random_state=0),
    ):
        assert (solution.n_parameters, solution.certificate.lower_bound) == (0, 0)


@pytest.mark.parametrize("affine", [False, True])
def test_bounds_are_at_most_the_counts_of_a_network_known_to_fit(affine):
    """Any units, offsets and copied columns, one to three outputs, labels as the network computes them."""
    informative = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        N, d, m, K = (int(rng.integers(*ends)) for ends in ((3, 60), (2, 6), (1, 4), (0, 4)))
        scale = 10.0 ** rng.uniform(-9, 9, d)
        offset = scale * rng.choice([0.0, 1.0, 1e4, 1e8], d)
        Z = rng.uniform(-1, 1, (N, d))
        X = Z * scale + offset
        if rng.integers(3) == 0:
            X[:, -1] = rng.choice([X[:, 0], np.full(N, 3.3), 2 * X[:, 0]])
        w = rng.normal(size=(K, d)) * (rng.uniform(size=(K, d)) < 0.5) / scale
        v = rng.normal(size=(K, m)) * (rng.uniform(size=(K, m)) < 0.8)
        slope = rng.normal(size=(d, m)) / scale[:, None] if affine else np.zeros((d, m))
        known = ReLUNetwork(w, -w @ offset + rng.normal(size=K), v, slope, -offset @ slope)
        y = known(X).reshape(N, m)
        tolerance = float(rng.choice([0.0, 1e-3]) * np.abs(y).max())
        y += 0.9 * tolerance * rng.uniform(-1, 1, y.shape)
        for quantity, count in (("parameters", known.n_parameters), ("neurons", known.n_neurons)):
            bound, _ = elementary_bound(quantity, X, y, affine=affine, tolerance=tolerance)
            assert bound <= count
            informative += bound > 0
    assert informative > 100


def test_a_bound_that_the_network_found_contradicts_is_left_out():
    X, y = uniform(10, 2, 0)
    assert elementary_bound("neurons", X, y)[0] == 2
    certificate = certificate_for("neurons", X, y, found=1, proved=Bound(3, "an error of rounding"))
    assert (certificate.kind, certificate.lower_bound) == ("none", 0)
    assert certificate_for("neurons", X, y, found=2, proved=Bound(3, "an error of rounding")).lower_bound == 2


def test_elementary_bound_respects_a_tolerance():
    X, y = uniform(10, 2, 0)
    assert elementary_bound("neurons", X, y)[0] == 2
    assert elementary_bound("neurons", X, y, tolerance=1.0)[0] == 0
    assert elementary_bound("neurons", X, y, tolerance=1.0, affine=True)[0] == 0


def test_generic_certificate_claims_nothing_about_these_labels():
    X, y = uniform(10, 3, 0)
    certificate = certificate_for("parameters", X, y, found=10)
    assert (certificate.kind, certificate.lower_bound) == ("generic", 10)
    assert "almost every choice of labels" in certificate.reason
    assert "only 2 is proved" in certificate.reason


@pytest.mark.parametrize("labels", ["planted", "integers", "repeated", "zero"])
def test_certificate_of_special_labels_is_true(labels):
    X, _ = uniform(5, 2, 0)
    y = {
        "planted": np.maximum(X[:, 0] + 0.1, 0) - np.maximum(X[:, 1], 0),
        "integers": np.array([0.0, 0, 1, 0, 0]),
        "repeated": np.full(5, 2.0),
        "zero": np.zeros(5),
    }[labels]
    truth = fewest_parameters(X, y)
    certificate = certificate_for("parameters", X, y, found=truth.lower_bound)
    assert certificate.kind != "generic" or certificate.lower_bound <= truth.lower_bound
    if certificate.kind == "proved":
        assert certificate.lower_bound <= truth.lower_bound
    proved = certificate_for("parameters", X, y, found=truth.lower_bound, proved=truth.bound)
    assert (proved.kind, proved.lower_bound) == ("proved", truth.lower_bound)


def test_tolerance_rules_out_the_generic_bound():
    X, y = uniform(10, 3, 0)
    certificate = certificate_for("parameters", X, y, found=8, tolerance=0.1)
    assert certificate.kind == "proved"
    assert certificate.lower_bound == 2
    assert certificate_for("neurons", X, y, found=3, tolerance=2.0).kind == "none"


@pytest.mark.parametrize("p", [0.3, 0.7, 1.0])
def test_value_bound_is_below_the_minimum(p):
    for seed in range(4):
        X, y = uniform(4, 2, seed)
        convex = minimise_l1(X, y)
        certificate = value_certificate(p, convex.lower_bound, convex.pricing)
        assert certificate.lower_bound <= minimise_lp(enumerate_vertices(X, y), p)[1] * (1 + 1e-9)
        assert certificate.kind == "proved"
    assert certificate_for("neurons", X, y).quantity == "neurons"


def test_bad_quantity_is_refused():
    with pytest.raises(ValueError, match="quantity"):
        generic_bound("layers", [[0.0]])
