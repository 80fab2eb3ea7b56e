"""What version 0.1.0 got wrong, script by script: the right answers that stand nowhere else.

| script | test |
| --- | --- |
| certificates/F1, F13 | `univariate/test_claims.py`, corners that straight links would make |
| F2, F14 | `univariate/test_tolerance.py`, rows beside huge tolerances, strict tolerances; the tie of F14 here |
| F3, F4 | `multivariate/proofs/test_close_rows.py`, steep networks, proportional columns |
| F5 | `multivariate/proofs/test_duality.py`, entries that the solver refuses |
| F6, F11, F12 | here |
| F7 | `multivariate/proofs/test_bounds.py`, labels below the tolerance of a large one |
| F8 | `univariate/test_claims.py` and `multivariate/proofs/test_duality.py`, bounds rounded down |
| F9 | the module is gone |
| F10 | `multivariate/test_interpolation.py`, small integers; with a start here |
| tables/01 | `multivariate/test_interpolation.py`, outputs over one input |
| 02, 09 | here, tables without noise; `regression/test_growth.py` |
| 03, 04 | `command/test_tables.py`, dots beside decimal commas, headers; `command/test_cli.py`, the separator |
| 05 | `multivariate/test_interpolation.py` and here, columns far from zero; `model/test_centring.py` |
| 07 | `model/test_description.py`, knots of a column with an offset |
| robustness/c_filename_injection, c_identifiers, mixed_export | `export/test_c.py`, `test_files.py` |
| checkpoint_edited | `nn/test_checkpoints.py` |
| estimator_max_floats, estimator_typeerrors | the estimators' own tests |
| figure_control_characters | `report/test_figures.py` |
| json_shape_true, json_silent_other_network, npz_… | `model/test_storage.py` |
| small_ones | here; files in `test_files.py` and `model/test_storage.py` |
| time_limit_twice | here, and at two thousand rows |
| time_limit_worse | `multivariate/test_interpolation.py`, more time gives no worse network |
| umask_race | `test_files.py` |
"""

import itertools
import time
from fractions import Fraction
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from oracles import exact_sweep
from reluctant import ReLUNetwork, SparseReLURegressor, approximate, interpolate, regress
from reluctant.nn import ReweightedL1, TensorOptions, fit_network, polish

RNG = np.random.default_rng(0)
X, Y = RNG.uniform(-1, 1, (20, 2)), RNG.uniform(-1, 1, 20)


@pytest.mark.parametrize("y", [[1.0, 2.0, 4.0], [3.0, 2.0, 2.5, 1.0], [1.0, 2.0, 3.0]])
def test_without_an_affine_part_predict_is_the_network_outside_the_data_too(y):
    x = np.arange(len(y)) * 1.0
    at = np.array([-3.0, -1.0, 0.0, 2.0, 10.0])
    for solution in (interpolate(x, y, affine=False), approximate(x, y, tolerance=0.1, affine=False)):
        np.testing.assert_allclose(solution.predict(at), solution.network(at), rtol=1e-12)
        assert not solution.network.slope.any()


@pytest.mark.parametrize("x", [(-3, 0, 1), (-2, 0, 1), (-1, 0, 1), (-1, 0, 3), (-5, 0, 2)])
def test_small_integers_through_the_origin_are_not_too_steep(x):
    for left, right in itertools.product(range(-3, 4), repeat=2):
        y = np.array([left, 0, right], float)
        solution = interpolate(np.array(x, float), y, affine=False)
        np.testing.assert_allclose(solution.network(np.array(x, float)), y, atol=1e-12)
    assert approximate([-3.0, 0, 1], [2.0, 0, 1], tolerance=0.5, affine=False).max_error <= 0.5 * (1 + 1e-9)


def test_an_objective_is_not_below_its_bound():
    x = [221.9034805657271, 900.6582613089117, 900.6582613257037, 900.6582613294231]
    y = [-7.949446797696304e25, 6.069664899850428e25, 7.058487528519027e23, 1.437874434442734e26]
    w = [1.1955100249667828e-20, 56.15658263194367, 6.034412308133816e-20, 105.55580041458677]
    solution = regress(x, y, alpha=5.313555409099594e24, p=1, sample_weight=w)
    assert solution.certificate.lower_bound <= solution.objective


def test_a_tie_that_floats_do_not_meet_takes_a_knot_more_than_its_bound():
    x, y = [-1.0, 2, 3, 4, 7, 8], [6.0, 12, 12, 12, 12, 12]
    solution = approximate(x, y, tolerance=2.0, rtol=0)
    fewest = exact_sweep(x, [Fraction(v) - 2 for v in y], [Fraction(v) + 2 for v in y])
    assert solution.certificate.lower_bound == fewest == 0
    assert solution.n_neurons <= 1
    assert solution.is_optimal == (solution.n_neurons == 0)


def test_neurons_of_small_integers_are_counted_from_a_start_too():
    rows = [[-3.0, -3.0], [-2.0, -2.0], [-2.0, -2.0], [-2.0, -2.0], [3.0, 3.0]]
    start = ReLUNetwork([[0.0, 1 / 3], [0.0, 0.0]], [0.0, 2.0], [1.0, -1.0], [0.0, 0.0], 0.0)
    solution = interpolate(rows, start(rows), minimize="neurons", start=start, random_state=0, time_limit=1)
    assert solution.n_neurons <= 2


@pytest.mark.parametrize(("offset", "spread", "n"), [(1e6, np.ones(5), 50), ([1.6e9, 0], [1e4, 1], 25)])
def test_columns_a_million_spreads_from_zero_are_met(offset, spread, n):
    """In 0.1.0 refused, or met with many more parameters than near zero."""
    rng = np.random.default_rng(0)
    rows, labels = offset + np.array(spread) * rng.uniform(0, 1, (n, len(spread))), rng.normal(size=n)
    solution = interpolate(rows, labels, random_state=0, target=n + 10)
    assert solution.n_parameters <= n + 10
    assert np.abs(solution.network(rows) - labels).max() <= 1e-9 * np.abs(labels).max()


@pytest.mark.gate(2)
@pytest.mark.parametrize(("n", "d", "p"), [(60, 3, 0.5), (2000, 20, 0.0), (2000, 20, 0.5)])
def test_a_time_limit_is_kept(n, d, p):
    """In seconds of this process, whatever else the machine does; 0.1.0 took twice, and eight times, as long."""
    rng = np.random.default_rng(0)
    rows, labels = rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, n)
    interpolate(X, Y, p, time_limit=0.1, random_state=0)
    began = time.process_time()
    with mock.patch("time.monotonic", time.process_time):
        solution = interpolate(rows, labels, p, time_limit=1.0, random_state=0)
    assert time.process_time() - began < (1.9 if n == 60 else 4.0)
    assert solution.max_error <= 1e-9 * np.abs(labels).max()


@pytest.mark.gate(1)
@pytest.mark.parametrize("swapped", [False, True])
def test_a_table_of_one_neuron_without_noise_gives_one_neuron(swapped):
    table = np.random.default_rng(0).random((60, 2))
    labels = np.maximum(table[:, 0] - 0.4, 0)
    table = table[:, ::-1] if swapped else table
    model = SparseReLURegressor(random_state=0).fit(table, labels)
    assert model.network_.n_neurons == 1
    assert model.n_parameters_ <= 3
    assert 1.0 - model.score(table, labels) < 1e-12


def test_a_kink_of_one_input_without_noise_takes_its_parameters():
    x = np.random.default_rng(0).uniform(-1, 1, 60)
    model = SparseReLURegressor(random_state=0).fit(x[:, None], np.abs(x - 0.3))
    assert 4 <= model.n_parameters_ <= 5
    assert 1.0 - model.score(x[:, None], np.abs(x - 0.3)) <= 1e-10


MODULE = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: SparseReLURegressor(selection=pd.NA).fit(X, Y), "selection"),
        (lambda: interpolate([0, 1], [0, 1], minimize=pd.NA), "minimize"),
        (lambda: regress(X, Y, alpha=0.1, n_starts=10**24), "n_starts"),
        (lambda: SparseReLURegressor().fit(X, Y, sample_weight=np.ones(20, bool)), "sample_weight"),
        (lambda: ReweightedL1(torch.optim.Adam(MODULE.parameters()), None, alpha=0.1), "module"),
        (lambda: ReweightedL1(torch.optim.Adam(MODULE.parameters()), 5, alpha=0.1), "module"),
        (lambda: polish(5, X, Y), "module|network"),
        (lambda: fit_network(X, Y, alpha=0.1, epochs=1, tensors=TensorOptions(dtype=torch.int32)), "dtype"),
        (lambda: fit_network(X, Y, alpha=0.1, epochs=1, tensors=TensorOptions(dtype="float32")), "dtype"),
        (lambda: fit_network(X, Y, alpha=0.1, epochs=1, tensors=TensorOptions(device="xyz")), "device"),
        (lambda: ReLUNetwork.load(5), "path"),
        (lambda: ReLUNetwork.load(None), "path"),
    ],
)
def test_what_is_out_of_range_is_one_sentence_that_names_it(call, named):
    with pytest.raises(ValueError, match=named) as told:
        call()
    assert "\n" not in str(told.value)
