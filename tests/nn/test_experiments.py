"""The experiments write what they promise, with the paper's settings."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from reluctant.experiments import NAMES, run
from reluctant.experiments.baselines import five_series
from reluctant.experiments.held_out import prune
from reluctant.experiments.optimality_gap import smoothed_runs
from reluctant.experiments.published_loop import SEED, published_runs
from reluctant.model.network import ReLUNetwork
from reluctant.nn import OneHiddenLayer, PathNorm


def test_five_series_start_from_the_same_weights_and_count_exactly_where_zeros_are_exact():
    x, y = np.arange(-2.0, 4.0), np.array([0.0, 0, 1, 1, 0, 0])
    series = five_series(x, y, alpha=0.003, n_neurons=20, restarts=2, epochs=30, say=lambda message: None)
    assert len({tuple(s.over_time("mse")[0]) for s in series[:1] + series[2:]}) == 1
    for s in series[2:]:
        assert [f.n_neurons for f in s.runs.networks] == s.final("n_neurons").tolist()


def test_published_runs_and_ours_begin_with_the_weights_of_the_same_stream():
    torch.manual_seed(SEED)
    X, y = torch.zeros(6, 3).uniform_(-1, 1), torch.zeros(6, 1).uniform_(-1, 1)
    hidden, output = torch.nn.Linear(3, 7), torch.nn.Linear(7, 1, bias=False)
    first_loss = torch.nn.functional.mse_loss(output(torch.relu(hidden(X))), y).item()
    generator = torch.Generator().manual_seed(SEED)
    torch.empty(6 * 3 + 6).uniform_(generator=generator)
    settings = {"n_neurons": 7, "alpha": 0.01, "bias": True}
    ours = five_series(X, y[:, 0], **settings, epochs=4, restarts=1, random_state=[generator], say=lambda message: None)
    again = partial(published_runs, X.numpy(), y[:, 0].numpy(), generator, **settings, aliased=False)
    assert again(epochs=1)[0].mse == pytest.approx(first_loss, rel=1e-6)  # the loss before the step
    for epochs in (1, 3):  # nothing has been shrunk by then
        mse = [s.over_time("mse")[epochs - 1, 0] for s in ours[:4]]
        assert [run.mse for run in again(epochs=epochs + 1)] == pytest.approx(mse, rel=1e-4)


def test_pruning_keeps_the_largest_effective_weights():
    f = ReLUNetwork([[1.0, 2.0], [3.0, 0.1]], [0.5, -0.2], [10.0, 1.0])
    pruned = prune(f, 3)
    assert pruned.n_parameters == 3
    assert np.array_equal(pruned.input_weights, [[10.0, 20.0], [0.0, 0.0]])
    assert np.array_equal(pruned.biases, [5.0, 0.0])


def test_smoothed_runs_equal_adam_on_the_penalty():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (6, 2)), rng.uniform(-1, 1, 6)
    networks = smoothed_runs(X, y, n_neurons=5, alpha=0.01, smoothing=0.01, epochs=30, seeds=2)
    torch.manual_seed(1)
    module, penalty = OneHiddenLayer(2, 5), PathNorm(0.5, smoothing=0.01)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    inputs, targets = torch.as_tensor(X, dtype=torch.float32), torch.as_tensor(y, dtype=torch.float32)
    for _ in range(30):
        optimizer.zero_grad()
        ((module(inputs)[:, 0] - targets).square().mean() + 0.01 * penalty(module)).backward()
        optimizer.step()
    np.testing.assert_allclose(networks[1].input_weights, module.hidden.weight.detach(), rtol=1e-3, atol=1e-5)


def test_an_unknown_experiment_is_refused(tmp_path):
    with pytest.raises(ValueError, match="experiment must be one of peak-plateau"):
        run("peak", tmp_path)


def test_a_page_comes_with_its_figure_and_numbers(tmp_path):
    page = run("choice-of-p", tmp_path, quick=True, say=lambda message: None)
    assert "| p | λ = 0.0005 |" in page.read_text(encoding="utf-8")
    assert (tmp_path / "choice-of-p-grid.png").stat().st_size > 1000
    assert json.loads((tmp_path / "choice-of-p.json").read_text())["grid"][0]["p"] == "0.2"


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NAMES))
def test_every_experiment_runs_in_its_quick_version(tmp_path, name):
    assert run(name, tmp_path, quick=True).exists()


@pytest.mark.slow
def test_peak_and_plateau_ends_with_the_polished_network_and_the_exact_minimum_beside_it(tmp_path):
    said = []
    page = run("peak-plateau", tmp_path, quick=True, say=said.append).read_text(encoding="utf-8")
    last = [row.split(" | ") for row in page.splitlines() if row.startswith("| ")][-2:]
    assert [row[0] for row in last] == ["| p = 0.4, then polished", "| exact minimum, proved"]
    assert [row[1] for row in last] == ["3", "3"]
    assert said[-1].endswith("3 once polished; the fewest that interpolate are 3")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"peak-plateau{ending}" for ending in (".md", ".json", "-sparsity.png", "-functions.png")
    }


def test_an_experiment_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    from reluctant.experiments import choice_of_p

    def fail(*arguments, **settings):
        raise RuntimeError("no training today")

    monkeypatch.setattr(choice_of_p, "train_restarts", fail)
    with pytest.raises(RuntimeError, match="no training"):
        run("choice-of-p", tmp_path / "new" / "pages", quick=True, say=lambda message: None)
    assert not list(tmp_path.iterdir())


def test_the_distance_of_two_functions_is_the_integral_that_a_fine_grid_approaches():
    from reluctant.experiments.noisy_interpolation import TARGET, interpolants, risk, sample

    x = (np.arange(2_000_000) + 0.5) / 2_000_000
    for design in ("drawn", "even"):
        for f in interpolants(*sample(40, design, 1)):
            d = f(x) - TARGET(x)
            assert risk(f) == pytest.approx((np.abs(d).mean(), (d * d).mean()), rel=1e-6)


def test_straight_lines_through_noise_have_two_thirds_of_its_variance():
    from reluctant.experiments.noisy_interpolation import SIGMA, interpolants, risk, sample

    straight = interpolants(*sample(20_000, "even", 0))[-1]
    assert risk(straight).l2 == pytest.approx(2 / 3 * SIGMA**2, rel=0.05)


def test_algorithms_for_linear_systems_bring_two_of_a_hundred_weights_back():
    from reluctant.experiments.linear_lp import SOLVERS, skglm_half, surgeon, trial

    for name, solver in SOLVERS.items():
        if solver not in (skglm_half, surgeon):  # one is optional, the other made for as many weights as rows
            assert sum(trial(solver, "gaussian", 2, seed).found for seed in range(4)) >= 3, name


def test_deletions_keep_the_equations_of_fixed_patterns_with_as_many_weights_as_rows():
    from reluctant.experiments.linear_lp import ROWS, patterns, surgeon

    A = patterns(np.random.default_rng(3))
    y = A @ np.random.default_rng(4).standard_normal(A.shape[1])
    u = surgeon(A, y, 2)
    assert np.count_nonzero(u) <= ROWS
    np.testing.assert_allclose(A @ u, y, atol=1e-6 * np.abs(y).max())


def test_a_run_ends_at_the_minimum_where_it_meets_the_rows_with_the_fewest_neurons():
    from reluctant import interpolate
    from reluctant.experiments.sgd_and_adam import PEAK, Ends, X, ends, tables

    peak = tables(0)[0]
    fewest = interpolate(X, PEAK, p=0, affine=False).network
    U, V, _ = fewest.hinges
    assert (peak.name, peak.fewest) == ("peak", fewest.n_neurons)
    far = ReLUNetwork.from_hinges(U, 1.01 * V)
    more = ReLUNetwork.from_hinges(np.vstack([U, [1.0, 9.0]]), np.vstack([V, [1e-9]]))
    assert more.n_neurons == peak.fewest + 1
    assert ends([[fewest, far], [more, far]], peak) == Ends(met=0.5, fewest=0.5)
    assert ends([[more, far], [more, more]], peak) == Ends(met=1.0, fewest=0.0)


def test_gradient_descent_comes_closer_to_the_rows_with_fewer_neurons():
    from reluctant.experiments.sgd_and_adam import N_NEURONS, PEAK, Setting, X, sgd

    network = sgd(PEAK, Setting(learning_rate=0.03, is_sgd=True), 0.01, 100, 0)
    assert np.mean((network(X) - PEAK) ** 2) < 0.8 * PEAK.var()
    assert network.n_neurons < N_NEURONS


def test_splits_have_no_row_in_common_and_are_standardised_by_the_rows_to_train_on():
    from reluctant.experiments.held_out import split

    rng = np.random.default_rng(0)
    X, y = 3 + 2 * rng.standard_normal((90, 2)), rng.standard_normal(90)
    data = split(X, y, 1, 40)
    assert [len(part) for part in data.X] == [len(part) for part in data.y] == [40, 20, 30]
    assert len(np.unique(np.concatenate(data.y).round(9))) == 90
    np.testing.assert_allclose([data.X[0].mean(axis=0), data.X[0].std(axis=0)], [[0, 0], [1, 1]], atol=1e-12)
    assert [len(part) for part in split(X, y, 1).y] == [45, 22, 23]
