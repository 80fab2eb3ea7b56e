"""Tables to fit estimators to, and estimators that are fitted to them."""

import numpy as np
import pytest

from reluctant import SparseReLUClassifier, SparseReLURegressor
from reluctant.estimators import cross_validated
from reluctant.regression import selection


@pytest.fixture(autouse=True)
def _few_paths(monkeypatch):
    """A quick choice, where it is not itself in question; fixtures of the session are fitted before, with all paths."""
    monkeypatch.setattr(selection, "RIDGES", (3e-3,))
    monkeypatch.setattr(selection, "RIDGES_CLASSES", (3e-3,))
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES", ())
    monkeypatch.setattr(selection, "RIDGES_ON_SLOPES_CLASSES", ())
    monkeypatch.setattr(selection, "FOLDS", 2)
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS", 1)
    monkeypatch.setattr(selection, "REPEATS_FEW_ROWS_CLASSES", 1)
    monkeypatch.setattr(cross_validated, "STARTS", 2)


@pytest.fixture(scope="session")
def hinge():
    """The function behind `hinge_table`: two of four inputs count."""
    return lambda X: np.maximum(X[:, 0] + 0.2, 0) - 0.5 * X[:, 1]


@pytest.fixture(scope="session")
def hinge_table(hinge):
    """320 rows with noise of deviation 0.05."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (320, 4))
    return X, hinge(X) + 0.05 * rng.standard_normal(320)


@pytest.fixture(scope="session")
def fitted(hinge_table):
    return SparseReLURegressor(random_state=0).fit(*hinge_table)


@pytest.fixture(scope="session")
def class_table():
    """400 rows of three inputs; the log-odds of a class is 3 |x_1| − 1.5."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (400, 3))
    odds = 3.0 * np.abs(X[:, 0]) - 1.5
    return X, np.where(rng.random(400) < 1.0 / (1.0 + np.exp(-odds)), "yes", "no")


@pytest.fixture(scope="session")
def classifier(class_table):
    return SparseReLUClassifier(random_state=0).fit(*class_table)
