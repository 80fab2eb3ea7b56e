"""Mean loss plus α times the path norm: against the convex program, least squares, and its own scaling laws."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import linprog, minimize

from networks import bits, random_network
from regression.convex_oracle import least_objective
from reluctant import ReLUNetwork, regress
from reluctant.effort import Clock, Effort
from reluctant.regression import penalised, starts
from reluctant.regression.gauss_newton import Problem
from reluctant.regression.losses import Huber, Quantile, Squared
from reluctant.regression.model import Model, Rows
from reluctant.regression.penalised import Candidate, Penalised, _joined, _polished
from reluctant.regression.penalties import Ridge
from reluctant.regression.regress import _Units, regress_space


def bent(seed=0, n_rows=60, d=2):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n_rows, d))
    y = np.maximum(X[:, 0] - 0.2, 0) - np.maximum(0.1 * X[:, 0] - X[:, 1], 0)
    return X, y + 0.05 * rng.standard_normal(n_rows)


def affine_values(X, y):
    design = np.column_stack([X, np.ones(len(X))])
    return design @ np.linalg.lstsq(design, y, rcond=None)[0]


def objective_of(network, X, y, alpha, p):
    """Mean ½ r² plus α Σ_k Σ_j |v_k u_kj|^p, term by term."""
    total = 0.0
    for w, b, v in zip(network.input_weights, network.biases, network.output_weights[:, 0], strict=True):
        total += sum(abs(v * t) ** p for t in [*w, b] if t != 0)
    return 0.5 * np.mean((network(X) - y) ** 2) + alpha * total


@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
def test_objective_is_that_of_the_network_and_below_the_affine_fit(p):
    X, y = bent()
    solution = regress(X, y, alpha=0.003, p=p, random_state=0)
    assert solution.objective == pytest.approx(objective_of(solution.network, X, y, 0.003, p))
    assert solution.objective < 0.5 * np.mean((affine_values(X, y) - y) ** 2)
    assert solution.certificate.kind == "none"


def parts_of(network):
    """Hinge weights with biases, output weights, and the affine part of a network of one output, as new arrays."""
    hinges = np.column_stack([network.input_weights, network.biases])
    return hinges, network.output_weights[:, 0].copy(), np.append(network.slope[:, 0], network.intercept)


def objective_of_parts(hinges, out, line, X, y, alpha, p):
    """Mean ½ r² plus α Σ_k |v_k|^p ‖(w_k, b_k)‖_p^p by numpy alone."""
    inputs = np.column_stack([X, np.ones(len(X))])
    f = np.maximum(inputs @ hinges.T, 0) @ out + inputs @ line
    powers = np.where(hinges == 0, 0, np.abs(hinges) ** p).sum(axis=1)
    return 0.5 * np.mean((f - y) ** 2) + alpha * np.sum(np.abs(out) ** p * powers)


def moved(parts, rng):
    """Networks near by: one entry scaled or deleted, or all entries scaled at random."""
    for i, part in enumerate(parts):
        for place in zip(*np.nonzero(part), strict=True):
            for factor in (0.0, 0.9, 0.99, 0.999, 1.001, 1.01, 1.1):
                near = [each.copy() for each in parts]
                near[i][place] *= factor
                yield near
    for share in np.repeat([1e-4, 1e-3, 1e-2], 100):
        yield [each * (1 + share * rng.standard_normal(each.shape)) for each in parts]


@pytest.mark.gate(6)
@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("alpha", [1e-2, 1e-3])
@pytest.mark.parametrize("seed", range(3))
def test_no_network_near_by_is_lower_by_more_than_a_ten_thousandth(seed, alpha, p):
    X, y = bent(seed)
    solution = regress(X, y, alpha=alpha, p=p, random_state=0)
    parts = parts_of(solution.network)
    assert objective_of_parts(*parts, X, y, alpha, p) == pytest.approx(solution.objective, rel=1e-9)
    lowest = min(objective_of_parts(*near, X, y, alpha, p) for near in moved(parts, np.random.default_rng(seed)))
    assert lowest >= solution.objective * (1 - 1e-4)


@pytest.mark.gate(3)
@pytest.mark.parametrize("p", [0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_objective_is_not_above_that_of_the_start(p, seed):
    X, y = bent(seed)
    start = random_network(np.random.default_rng(seed), 3, 2, 1)
    start = start if seed else regress(X, y, alpha=1e-3, p=p, random_state=9).network
    solution = regress(X, y, alpha=1e-3, p=p, start=start, random_state=0)
    assert solution.objective <= objective_of(start, X, y, 1e-3, p) * (1 + 1e-9)


def test_a_start_without_the_ridge_on_the_affine_part_of_classes_is_kept_where_it_is_better():
    X, _ = bent()
    labels = (X[:, 0] > 0.1).astype(float)
    start = ReLUNetwork(np.zeros((0, 2)), [], np.zeros((0, 1)), slope=[1e4, 0.0], intercept=-1e3)
    solution = regress(X, labels, alpha=1e-3, loss="logistic", start=start, random_state=0)
    assert solution.objective <= np.mean(np.logaddexp(0.0, start(X)) - labels * start(X))
    assert "start" in solution.certificate.reason


@pytest.mark.parametrize(("seed", "alpha"), [(6, 1e-3), (20, 1e-3), (26, 1e-2)])
def test_objective_on_the_line_is_not_above_that_of_the_start(seed, alpha):
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 1, 40)
    y = np.abs(x - 0.4) - np.maximum(x - 0.7, 0) * rng.normal() + 0.05 * rng.standard_normal(40)
    start = regress(x, y, alpha=alpha, p=0.5).network
    norm = np.sum(np.abs(start.output_weights * start.input_weights) ** 0.2)
    of_start = 0.5 * np.mean((start(x) - y) ** 2) + alpha * norm
    assert regress(x, y, alpha=alpha, p=0.2, start=start).objective <= of_start * (1 + 1e-12)
    assert regress(x, y, alpha=alpha, p=1, start=start).certificate.kind == "proved"


def test_a_start_survives_a_search_that_finds_nothing(monkeypatch):
    X, y = bent()
    start = regress(X, y, alpha=1e-3, random_state=9).network
    monkeypatch.setattr(
        penalised, "_annealed", lambda model, problem, *_: Candidate.of(penalised._without_neurons(model), problem)
    )
    found = regress(X, y, alpha=1e-3, start=start, random_state=0).objective
    assert found <= objective_of(start, X, y, 1e-3, 0.5) * (1 + 1e-9)
    assert found < 0.5 * regress(X, y, alpha=1e-3, random_state=0).objective


@pytest.mark.parametrize("alpha", [10.0, 1e6, 1e100])
@pytest.mark.parametrize("p", [0.1, 0.5, 1.0])
def test_a_huge_alpha_gives_least_squares(alpha, p):
    X, y = bent()
    solution = regress(X, y, alpha=alpha, p=p, random_state=0)
    assert solution.n_neurons == 0
    assert_allclose(solution.predict(X), affine_values(X, y), atol=1e-7)


@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6, 1e8])
def test_the_affine_part_is_least_squares_at_any_offset_of_the_inputs(offset):
    X, y = bent()
    X = X + offset
    solution = regress(X, y, alpha=1e3, random_state=0)
    assert solution.n_neurons == 0
    assert_allclose(solution.predict(X), affine_values(X - offset, y), atol=1e-14 * offset**2 + 1e-7)


def test_an_offset_of_the_inputs_does_not_move_the_affine_part_of_a_classifier():
    X, y = bent()
    here, there = (
        regress(X + shift, (y > 0) * 1.0, alpha=1e3, loss="logistic", random_state=0) for shift in (0.0, 1e5)
    )
    assert here.n_neurons == there.n_neurons == 0
    assert_allclose(there.predict(X + 1e5), here.predict(X), atol=1e-5)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("loss", [Squared(), Quantile(0.3)])
def test_units_of_a_fit_there_and_back(d, loss):
    rng = np.random.default_rng(d)
    X, y = rng.normal(4.0, 2.0, (20, d)), rng.normal(5.0, 0.3, (20, 2))
    network = random_network(rng, 4, d, 2)
    units = _Units.of(X, y, np.ones(20), loss, affine=True)
    model = units.model(network)
    assert_allclose(units.network(model)(X), network(X), rtol=1e-9, atol=1e-9)
    rows = units.rows(X, y, np.ones(20))
    assert_allclose(model(rows.inputs) * units.hinges.y_scale + units.hinges.y_mean, network(X), rtol=1e-9, atol=1e-9)
    always = np.ones(4, dtype=bool)
    line = replace(model, U=np.abs(model.U) + np.append(np.zeros(2 * d), 50.0))
    folded = line.cleaned(always, ~always, lines=units.lines())
    assert folded.n_neurons == 0
    assert not folded.A[:d].any()
    assert_allclose(folded(rows.inputs), line(rows.inputs), rtol=1e-9, atol=1e-9)


def test_without_a_penalty_the_fit_is_closer_than_with_one():
    X, y = bent()
    assert regress(X, y, alpha=0, random_state=0).mean_loss < regress(X, y, alpha=1e-3, random_state=0).mean_loss


def gaps_to_the_optimum(n_rows, alpha, seeds):
    gaps = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X, y = rng.uniform(-1, 1, (n_rows, 2)), rng.uniform(-1, 1, n_rows)
        gaps.append(regress(X, y, alpha=alpha, p=1, random_state=0).objective / least_objective(X, y, alpha) - 1)
    return np.array(gaps)


@pytest.mark.parametrize("n_rows", [5, 8])
def test_convex_case_is_never_below_the_optimum_and_close_where_few_neurons_pay(n_rows):
    gaps = gaps_to_the_optimum(n_rows, 0.03, range(6))
    assert gaps.min() > -1e-6
    assert np.mean(gaps < 0.02) >= 0.8


def test_convex_case_with_a_small_penalty_is_never_below_the_optimum():
    gaps = gaps_to_the_optimum(6, 0.003, range(10))
    assert gaps.min() > -1e-6
    assert np.median(gaps) < 0.03
    assert np.mean(gaps) < 0.1


def test_a_neuron_that_p_1_may_split_at_no_cost_comes_back_whole():
    X, y = bent()
    problem = Penalised(Rows.of(X, y), Squared(), np.full(3, 1e-3), 1.0, True)
    whole = _polished(Model(np.array([[1.0, 0.5, 0.1]]), np.ones((1, 1)), np.full((3, 1), 0.1)), problem, Clock())
    split = Model(np.vstack([0.3 * whole.model.U, 0.7 * whole.model.U]), np.ones((2, 1)), whole.model.A)
    both = Candidate.of(split, problem)
    assert both.objective == pytest.approx(whole.objective, rel=1e-9)
    joined = _joined(both, problem, Clock())
    assert joined.model.n_neurons == 1
    assert joined.objective <= both.objective * (1 + 1e-7)
    bend = Model(np.vstack([whole.model.U, [[0.5, -1.0, 0.2]]]), np.ones((2, 1)), whole.model.A)
    assert _joined(Candidate.of(bend, problem), problem, Clock()).model.n_neurons == 2


@pytest.mark.parametrize("seed", range(3))
def test_one_input_is_never_below_the_proved_bound_of_the_line(seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 1, 25))
    y = np.abs(x - 0.4) + 0.05 * rng.standard_normal(25)
    proved = regress(x, y, alpha=0.01, p=1).certificate
    assert proved.kind == "proved"
    searched = regress_space(
        x[:, None], y[:, None], np.ones(25), Squared(), 0.01, 1.0, True, None, Effort(random_state=0)
    )
    assert searched.objective >= proved.lower_bound * (1 - 1e-9)
    assert searched.objective <= proved.lower_bound * 1.05


def test_the_place_of_a_kink_on_the_line_costs_nothing():
    X = np.linspace(-1, 1, 60)[:, None]
    y = np.abs(X[:, 0] - 0.3)
    here, there = (regress(X + shift, y, alpha=0.01, p=1, loss="absolute", random_state=0) for shift in (0.0, 20.0))
    assert there.objective == pytest.approx(here.objective, rel=0.05)
    assert here.value == pytest.approx(np.abs(here.network.output_weights * here.network.input_weights).sum())


def test_weights_repeated_rows_and_order_give_the_same_network():
    X, y = bent()
    count = np.random.default_rng(1).integers(0, 3, len(X))
    weighted = regress(X, y, alpha=0.003, sample_weight=count, random_state=0)
    repeated = regress(np.repeat(X, count, axis=0), np.repeat(y, count), alpha=0.003, random_state=0)
    order = np.random.default_rng(2).permutation(len(X))
    shuffled = regress(X[order], y[order], alpha=0.003, sample_weight=count[order], random_state=0)
    assert bits(weighted.network) == bits(repeated.network) == bits(shuffled.network)
    assert weighted.mean_loss == pytest.approx(repeated.mean_loss)


def test_hinges_are_scored_on_a_sample_of_many_rows():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30_000, 2))
    rows = Rows.of(X, np.maximum(X[:, 0], 0.0))
    problem = Problem(rows, Squared(), Ridge(1.0, 1.0, 1.0))
    tracemalloc.start()
    larger = starts.grown(Model.zero(2, 1), problem, rows, rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert larger.n_neurons == starts.ADDED
    assert peak < 8 * len(rows) * starts.CANDIDATES / 2  # the hinges of all rows, one array of them


def test_verbose_reports_every_round_and_changes_nothing(capsys):
    X, y = bent()
    quiet = regress(X, y, alpha=0.01, random_state=0)
    assert capsys.readouterr() == ("", "")
    loud = regress(X, y, alpha=0.01, random_state=0, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("round 0: ")
    assert bits(loud.network) == bits(quiet.network)


def test_same_seed_same_network():
    X, y = bent()
    first, again = (regress(X, y, alpha=0.003, random_state=5).network for _ in range(2))
    assert bits(first) == bits(again)


def rough():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 3))
    return X, np.sin(4 * X[:, 0]) * X[:, 1] + 0.2 * rng.standard_normal(80)


def test_several_starts_give_the_best_of_them_on_any_number_of_processes():
    X, y = rough()
    one = regress(X, y, alpha=1e-3, random_state=0)
    here, there = (regress(X, y, alpha=1e-3, n_starts=4, n_jobs=n_jobs, random_state=0) for n_jobs in (1, 2))
    assert bits(here.network) == bits(there.network)
    assert here.objective < one.objective  # on these data another start than the first ends lower


def test_no_search_but_the_first_begins_after_the_time_limit():
    X, y = rough()
    began = []
    source = np.random.default_rng(3)
    with pytest.MonkeyPatch.context() as patch:
        plain = penalised._wide
        patch.setattr(penalised, "_wide", lambda *args: (began.append(1), plain(*args))[1])
        regress(X, y, alpha=1e-3, n_starts=4, time_limit=1e-9, random_state=source)
    assert len(began) == 1


def test_scaling_y_scales_the_function():
    X, y = bent()
    for p in (0.5, 1.0):
        plain = regress(X, y, alpha=0.01, p=p, random_state=0)
        for s in (2.0**10, 1e-3):
            scaled = regress(X, s * y, alpha=0.01 * s ** (2 - p), p=p, random_state=0)
            assert scaled.objective == pytest.approx(s**2 * plain.objective, rel=0.05)
    large = regress(X, 1e3 * y, alpha=1e4, p=1, random_state=0)
    assert_allclose(large.predict(X) / 1e3, regress(X, y, alpha=10.0, p=1, random_state=0).predict(X), atol=1e-6)


@pytest.mark.gate(2)
@pytest.mark.parametrize(("p", "power"), [(0.5, 398), (0.5, -500), (1.0, 501), (1.0, -651)])
def test_a_power_of_two_in_one_input_and_in_alpha_changes_no_bit(p, power):
    """The bias is free there, so Σ|v w|^p is all that the unit of x enters."""
    X, y = bent()
    X = X[:, :1]
    plain = regress(X, y, alpha=1e-3, p=p, loss="absolute", random_state=0)
    scaled = regress(X * 2.0**power, y, alpha=1e-3 * 2.0 ** (p * power), p=p, loss="absolute", random_state=0)
    there, here = scaled.network, plain.network
    assert here.n_neurons > 1
    unit = 2.0**power
    back = ReLUNetwork(
        there.input_weights * unit, there.biases, there.output_weights, there.slope * unit, there.intercept
    )
    assert bits(back) == bits(here)
    assert scaled.mean_loss == plain.mean_loss


@pytest.mark.gate(3)
@pytest.mark.parametrize(("loss", "degree"), [("squared", 2), ("absolute", 1)])
@pytest.mark.parametrize(("p", "power"), [(0.5, 400), (0.5, -400), (1.0, 99), (1.0, -399)])
def test_a_power_of_two_in_y_and_in_alpha_changes_no_bit(loss, degree, p, power):
    X, y = bent()
    plain = regress(X, y, alpha=1e-3, p=p, loss=loss, random_state=0)
    alpha = 1e-3 * 2.0 ** ((degree - p) * power)
    scaled = regress(X, y * 2.0**power, alpha=alpha, p=p, loss=loss, random_state=0).network
    unit, here = 2.0**power, plain.network
    assert here.n_neurons > 1
    v, slope, intercept = (part / unit for part in (scaled.output_weights, scaled.slope, scaled.intercept))
    assert bits(ReLUNetwork(scaled.input_weights, scaled.biases, v, slope, intercept)) == bits(here)


@pytest.mark.parametrize("unit", [1e-120, 1e120])
def test_inputs_of_any_scale_get_the_objective_of_their_units(unit):
    """Biases count, so another scale is another problem: weights cost nearly nothing, or more than any can gain."""
    X, y = bent()
    solution = regress(X * unit, y, alpha=1e-3, random_state=0)
    assert solution.objective == pytest.approx(objective_of(solution.network, X * unit, y, 1e-3, 0.5))
    assert (solution.n_neurons == 0) == (unit < 1)
    near = regress(X * 1e30, y, alpha=1e-3, random_state=0).network
    ratio = 1e30 / unit
    carried = ReLUNetwork(
        near.input_weights * ratio, near.biases, near.output_weights, near.slope * ratio, near.intercept
    )
    assert solution.objective <= 1.15 * objective_of(carried, X * unit, y, 1e-3, 0.5)  # two searches, of other draws


@pytest.mark.gate(4)
@pytest.mark.parametrize(("unit", "alpha"), [(1e-160, 1e300), (1e-250, 1e100), (1e150, 1e-300)])
@pytest.mark.parametrize("loss", ["squared", "absolute", "huber", "quantile"])
def test_prices_beyond_float64_are_those_that_nothing_pays_for(loss, unit, alpha):
    X, y = bent()
    solution = regress(X, y * unit, alpha=alpha, loss=loss, random_state=0)
    assert np.isfinite([solution.objective, solution.mean_loss, solution.value]).all()
    assert (solution.n_neurons == 0) == (unit < 1)
    assert_allclose(solution.predict(X) / unit, affine_values(X, y) if unit < 1 else y, atol=0.5)


@pytest.mark.parametrize(("x_unit", "y_unit"), [(1e-200, 1e150), (1e300, 1e-10)])
def test_slopes_beyond_float64_are_refused(x_unit, y_unit):
    X, y = bent()
    with pytest.raises(ValueError, match=r"column 0 of X by .* beyond float64; rescale X or y"):
        regress(X * x_unit, y * y_unit, alpha=1.0)


@pytest.mark.parametrize("unit", [2.0**-650, 2.0**650])
def test_inputs_at_the_ends_of_float64(unit):
    X, y = bent()
    alpha = 1e-3 * unit if unit < 1 else 1e-3
    solution = regress(X * unit, y, alpha=alpha, p=1, random_state=0)
    assert solution.mean_loss <= 0.5 * np.mean((affine_values(X, y) - y) ** 2) * (1 + 1e-9)


def test_zeros_are_structural():
    X, y = bent(d=6)
    network = regress(X, y, alpha=0.01, random_state=0).network
    incoming = np.column_stack([network.input_weights, network.biases])
    assert (incoming == 0.0).any()
    assert np.abs(incoming[incoming != 0.0]).min() > 1e-6
    assert not network.input_weights[:, 3:].any()


def test_without_an_affine_part_there_is_none():
    X, y = bent()
    start = ReLUNetwork([[1.0, 0.0]], [0.0], [1.0], slope=[1.0, 2.0], intercept=3.0)
    for first in (None, start, regress(X, y, alpha=1e-3, random_state=0).network):
        assert regress(X, y, alpha=1e-3, affine=False, start=first, random_state=0).network.n_affine == 0


def line_loss(X, y, level):
    """Least mean pinball loss of an affine function, by linear programming."""
    N, d = X.shape
    A = np.hstack([X, np.ones((N, 1)), np.eye(N), -np.eye(N)])
    cost = np.concatenate([np.zeros(d + 1), np.full(N, level), np.full(N, 1 - level)]) / N
    bounds = [(None, None)] * (d + 1) + [(0, None)] * (2 * N)
    return linprog(cost, A_eq=A, b_eq=y, bounds=bounds).fun


@pytest.mark.parametrize(("loss", "factor"), [("absolute", 2.0), (Quantile(0.5), 1.0), (Quantile(0.8), 1.0)])
def test_piecewise_linear_losses_beat_the_best_affine_function(loss, factor):
    X, y = bent()
    level = loss.level if isinstance(loss, Quantile) else 0.5
    best = factor * line_loss(X, y, level)
    assert regress(X, y, alpha=1e-3, loss=loss, random_state=0).objective < 0.5 * best
    flat = regress(X, y, alpha=1e3, loss=loss, random_state=0)
    assert best * (1 - 1e-9) <= flat.mean_loss <= best * 1.01


def test_huber_is_not_moved_by_an_outlier():
    X, y = bent()
    spoiled = y.copy()
    spoiled[0] += 1e3
    robust = regress(X, spoiled, alpha=1e-3, loss=Huber(0.1), random_state=0)
    assert np.median(np.abs(robust.predict(X) - y)) < 0.1
    assert np.median(np.abs(regress(X, spoiled, alpha=1e-3, random_state=0).predict(X) - y)) > 1.0


@pytest.mark.parametrize("loss", ["logistic", "hinge", "softmax"])
def test_classes_that_no_line_divides(loss):
    X, _ = bent(n_rows=200)
    labels = (np.abs(X[:, 0]) > 0.5).astype(float)
    solution = regress(X, labels, alpha=1e-3, loss=loss, random_state=0)
    scores = solution.predict(X)
    said = scores.argmax(axis=1) if loss == "softmax" else scores > 0
    assert np.mean(said == labels) > 0.95
    assert np.isnan(solution.max_error)


def test_the_affine_part_of_separable_classes_has_the_stated_ridge():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (80, 2))
    labels = (X[:, 0] > 0.1).astype(float)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)

    def ridged(line):
        f = Z @ line[:2] + line[2]
        return np.mean(np.logaddexp(0, f) - labels * f) + 0.5e-4 * line @ line

    line = minimize(ridged, np.zeros(3), tol=1e-12).x
    found = regress(X, labels, alpha=1e3, loss="logistic", random_state=0).network
    assert found.n_neurons == 0
    assert_allclose(found.slope[:, 0] * X.std(axis=0), line[:2], rtol=0.02, atol=0.02)


def test_a_start_of_several_classes_is_taken_with_labels_in_one_column():
    X = np.random.default_rng(0).uniform(-1, 1, (80, 2))
    labels = np.digitize(X[:, 0], [-0.3, 0.3])
    start = regress(X, labels, alpha=0.01, loss="softmax", random_state=0)
    again = regress(X, labels, alpha=0.01, loss="softmax", start=start.network, random_state=1)
    assert again.objective <= start.objective
    with pytest.raises(ValueError, match="start must be a ReLUNetwork of 2 inputs and 3 outputs"):
        regress(X, labels, alpha=0.01, loss="softmax", start=ReLUNetwork([[1.0, 0.0]], [0.0], [1.0]))


def test_several_outputs_share_neurons():
    X, y = bent()
    solution = regress(X, np.column_stack([y, -3 * y]), alpha=1e-3, random_state=0)
    assert_allclose(solution.predict(X)[:, 1], -3 * y, atol=0.6)
    apart = [regress(X, target, alpha=1e-3, random_state=0) for target in (y, -3 * y)]
    assert solution.network.n_outputs == 2
    assert solution.n_neurons < sum(each.n_neurons for each in apart)
    assert solution.objective == pytest.approx(solution.mean_loss + 1e-3 * solution.network.path_norm(0.5))


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_a_handful_of_rows_needs_no_hinge(n_rows):
    X, y = bent()
    solution = regress(X[:n_rows], y[:n_rows], alpha=1e-3, random_state=0)
    assert solution.n_neurons == 0
    assert_allclose(solution.predict(X[:n_rows]), y[:n_rows], atol=1e-6)


def test_constant_columns_take_no_part():
    X, y = bent()
    wide = np.column_stack([X, np.full(len(X), 0.1)])
    network = regress(wide, y, alpha=1e-3, random_state=0).network
    assert not network.input_weights[:, 2].any()
    assert network.slope[2] == 0.0
