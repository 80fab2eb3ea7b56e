"""The trainer: what it stops at, what it resumes, what it refuses."""

import numpy as np
import pytest
import torch

from reluctant import InfeasibleError
from reluctant.nn import Checkpoint, Schedule, TensorOptions, Validation, fit_network
from reluctant.nn.losses import LOSSES


def table(N=200, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (N, d))
    return X, np.maximum(X[:, 0] - 0.2, 0) + 0.01 * rng.standard_normal(N)


def parameters(run):
    return [q.detach().numpy() for q in run.module.parameters()]


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(parameters(a), parameters(b))) and a.history == b.history


class Interrupted(Exception):
    pass


def interrupt_after(epoch):
    def report(record):
        if record.epoch > epoch:
            raise Interrupted

    return report


@pytest.mark.parametrize("with_validation", [False, True])
def test_a_resumed_run_continues_bit_for_bit(tmp_path, with_validation):
    X, y = table()
    common = {"alpha": 2e-3, "batch_size": 32, "n_neurons": 40}
    if with_validation:
        common["validation"] = table(50, seed=1)
    whole = fit_network(X, y, epochs=20, **common)
    resume = Checkpoint(tmp_path / "run.pt", resume=True)
    for epoch in (5, 11, 14):  # while α grows, after neurons were joined, after zeros were fixed
        with pytest.raises(Interrupted):
            fit_network(X, y, epochs=20, checkpoint=resume, report=interrupt_after(epoch), **common)
    resumed = fit_network(X, y, epochs=20, checkpoint=resume, **common)
    assert same(whole, resumed)
    assert whole.history[-1].n_neurons < 40  # neurons were removed on the way
    for changed in ({"alpha": 1.0}, {"epochs": 30}, {"schedule": Schedule(grown=0.2)}):
        (name,) = changed
        with pytest.raises(ValueError, match=f"another run: its {'grown' if name == 'schedule' else name}"):
            fit_network(X, y, checkpoint=resume, **{"epochs": 20, **common, **changed})
    with pytest.raises(ValueError, match="another run: its data"):
        fit_network(X + 1, y, epochs=20, checkpoint=resume, **common)


def test_a_run_with_a_constant_schedule_may_be_made_longer(tmp_path):
    X, y = table()
    common = {"alpha": 2e-3, "batch_size": 32, "n_neurons": 40, "schedule": Schedule.constant()}
    whole = fit_network(X, y, epochs=12, **common)
    fit_network(X, y, epochs=7, checkpoint=tmp_path / "run.pt", **common)
    assert same(whole, fit_network(X, y, epochs=12, checkpoint=Checkpoint(tmp_path / "run.pt", resume=True), **common))


def test_zeros_are_fixed_for_the_last_two_fifths_of_a_run_and_only_these_epochs_are_chosen_from():
    X, y = table()
    run = fit_network(X, y, alpha=3e-3, epochs=50, batch_size=25, validation=table(60, seed=1))
    sizes = [record.n_parameters for record in run.history]
    assert len(set(sizes[30:])) == 1 < sizes[0] / sizes[-1]
    losses = [record.validation_loss for record in run.history]
    best = 30 + int(np.argmin(losses[30:]))
    mse = 0.5 * np.mean((run.network(table(60, seed=1)[0]) - table(60, seed=1)[1]) ** 2)
    assert mse == pytest.approx(losses[best], rel=1e-5)
    assert run.history[-1].training_loss < run.history[29].training_loss


def test_a_run_ends_with_what_the_verbs_find():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(-1, 1, (8, 5)), rng.uniform(-1, 1, 8)
    common = {"alpha": 1e-3, "epochs": 200, "batch_size": None, "n_neurons": 30}
    trained, exact, within = (
        fit_network(X, y, finish=finish, **common) for finish in (None, "interpolate", "tolerance")
    )
    assert trained.solution is None
    assert exact.network is exact.solution.network
    assert exact.network.n_parameters == 8 == exact.solution.certificate.lower_bound
    assert np.abs(exact.network(X) - y).max() <= 1e-9
    left = np.abs(trained.network(X) - y).max()
    assert 0 < np.abs(within.network(X) - y).max() <= left * (1 + 1e-9)
    assert within.network.n_parameters <= trained.network.n_parameters
    with pytest.raises(InfeasibleError, match=r"rows 0 and 8 of X are equal"):
        fit_network(np.vstack([X, X[:1]]), np.append(y, 5.0), finish="interpolate", **common)
    with pytest.raises(ValueError, match=r"finish must be 'interpolate', 'tolerance' or None, got 'both'"):
        fit_network(X, y, finish="both", **common)
    with pytest.raises(ValueError, match="finish='tolerance' is for the squared and the absolute loss"):
        fit_network(X, (y > 0).astype(float), loss="logistic", finish="tolerance", **common)


def test_a_truncated_checkpoint_is_named(tmp_path):
    X, y = table()
    fit_network(X, y, alpha=0.01, epochs=1, checkpoint=tmp_path / "run.pt")
    (tmp_path / "run.pt").write_bytes((tmp_path / "run.pt").read_bytes()[:100])
    with pytest.raises(ValueError, match=r"run\.pt is truncated"):
        fit_network(X, y, alpha=0.01, epochs=2, checkpoint=Checkpoint(tmp_path / "run.pt", resume=True))


def test_progress_changes_nothing(capsys):
    X, y = table()
    quiet, loud = (fit_network(X, y, alpha=0.01, epochs=3, verbose=verbose) for verbose in (False, True))
    assert same(quiet, loud)


def test_early_stopping_returns_the_epoch_with_the_smallest_validation_loss():
    X, y = table()
    validation = table(100, seed=1)
    run = fit_network(
        X,
        y,
        alpha=1e-3,
        epochs=400,
        batch_size=16,
        validation=Validation(*validation, patience=5),
        schedule=Schedule.constant(),
    )
    losses = [record.validation_loss for record in run.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 6 < 400
    assert f"epoch {best + 1}" in run.stopped
    mse = 0.5 * np.mean((run.network(validation[0]) - validation[1]) ** 2)
    assert mse == pytest.approx(losses[best], rel=1e-5)


def test_a_loss_that_is_not_finite_stops_with_the_last_good_state(tmp_path):
    X, y = table(50)
    X[3] = 1e30  # the square overflows in float32
    with pytest.warns(UserWarning, match="not finite in epoch 1"):
        run = fit_network(X, y, alpha=1e-3, epochs=10, checkpoint=tmp_path / "run.pt")
    assert not (tmp_path / "run.pt").exists()
    assert "epoch 1" in run.stopped
    assert run.history == ()
    assert all(np.isfinite(q).all() for q in parameters(run))


@pytest.mark.parametrize("loss", list(LOSSES))
def test_every_loss_learns_and_equals_its_formula(loss):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 2))
    score = X[:, 0] + np.maximum(X[:, 1], 0)
    classes = (score > 0.2).astype(float)
    y = classes if loss in ("hinge", "logistic", "softmax") else score
    run = fit_network(
        X, y, alpha=1e-4, loss=loss, epochs=60, batch_size=50, affine=True, tensors=TensorOptions(torch.float64)
    )
    f = run.network(X)
    values = {
        "squared": lambda: 0.5 * (f - y) ** 2,
        "absolute": lambda: np.abs(f - y),
        "hinge": lambda: np.maximum(0, 1 - (2 * y - 1) * f),
        "logistic": lambda: np.log1p(np.exp(-(2 * y - 1) * f)),
        "softmax": lambda: np.log(np.exp(f).sum(axis=1)) - f[np.arange(300), y.astype(int)],
    }[loss]()
    ours = LOSSES[loss](torch.from_numpy(f.reshape(300, -1)), torch.from_numpy(y[:, None]))
    assert float(ours) == pytest.approx(values.mean(), rel=1e-12)
    assert values.mean() < 0.1


def test_rows_may_stay_on_disk(tmp_path):
    X, y = table()
    np.save(tmp_path / "X.npy", X.astype(np.float32))
    on_disk = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert same(
        fit_network(on_disk, y, alpha=0.01, epochs=2), fit_network(X.astype(np.float32), y, alpha=0.01, epochs=2)
    )


def test_bad_input_is_refused_in_words():
    X, y = table(20)
    with pytest.raises(ValueError, match="alpha must be at least 0"):
        fit_network(X, y, alpha=-1)
    with pytest.raises(ValueError, match="loss must be one of"):
        fit_network(X, y, alpha=1, loss="cubic")
    with pytest.raises(ValueError, match=r"y must be 0 or 1 for loss='logistic', got \[.*\] at row 0"):
        fit_network(X, y, alpha=1, loss="logistic")
    with pytest.raises(ValueError, match="random_state must be an integer"):
        fit_network(X, y, alpha=1, random_state=None)
    with pytest.raises(ValueError, match="patience must be an integer of at least 1"):
        fit_network(X, y, alpha=1, validation=Validation(X, y, patience=0))
    with pytest.raises(ValueError, match=r"validation must be a pair"):
        fit_network(X, y, alpha=1, validation=5)
    with pytest.raises(ValueError, match="shrinkage must be a Shrinkage, got 5"):
        fit_network(X, y, alpha=1, shrinkage=5)
    with pytest.raises(ValueError, match=r"schedule must be a Schedule, got 0\.5"):
        fit_network(X, y, alpha=1, schedule=0.5)
    with pytest.raises(ValueError, match=r"p must be a number in \[0, 1\]"):
        fit_network(X, y, alpha=1, p=1.5)
    with pytest.raises(ValueError, match="report must be callable, got 5"):
        fit_network(X, y, alpha=1, report=5)
    y[17] = np.nan
    with pytest.raises(ValueError, match="y has NaN at row 17"):
        fit_network(X, y, alpha=1)
