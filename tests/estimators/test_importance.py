"""`feature_importances_` beside permutation importance."""

from __future__ import annotations

import numpy as np
from sklearn.inspection import permutation_importance

from reluctant import SparseReLURegressor


def test_importances_rank_inputs_as_permutations_do():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 4))
    y = 3.0 * np.maximum(X[:, 2], 0) + 1.2 * X[:, 0] - 0.4 * X[:, 3] + 0.05 * rng.standard_normal(200)
    model = SparseReLURegressor(alpha=0.01, random_state=0).fit(X, y)
    permuted = permutation_importance(model, X, y, random_state=0).importances_mean
    assert np.argsort(model.feature_importances_).tolist() == np.argsort(permuted).tolist()
    used = model.network_.inputs_used
    assert set(np.flatnonzero(model.feature_importances_)) == set(used) == set(np.flatnonzero(permuted))
