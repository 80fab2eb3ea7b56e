"""`feature_importances_` beside permutation importance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance

from reluctant import SparseReLUClassifier, SparseReLURegressor


def test_importances_rank_inputs_as_permutations_do():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 4))
    y = 3.0 * np.maximum(X[:, 2], 0) + 1.2 * X[:, 0] - 0.4 * X[:, 3] + 0.05 * rng.standard_normal(200)
    model = SparseReLURegressor(alpha=0.01, random_state=0).fit(X, y)
    permuted = permutation_importance(model, X, y, random_state=0).importances_mean
    assert np.argsort(model.feature_importances_).tolist() == np.argsort(permuted).tolist()
    used = model.network_.inputs_used
    assert set(np.flatnonzero(model.feature_importances_)) == set(used) == set(np.flatnonzero(permuted))


def test_importances_of_categories_and_gaps_belong_to_their_columns_as_permutations_do():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.uniform(-1, 1, 400), "shop": rng.choice(["Bonn", "Kiel", "Ulm"], 400)})
    X["noise"] = rng.uniform(-1, 1, 400)
    odds = 6.0 * (X["shop"] == "Ulm") - 3.0 * X["age"] - 1.0
    X.loc[::9, "age"] = np.nan
    model = SparseReLUClassifier(missing="hinge", max_parameters=4, search="fast", random_state=0)
    model.fit(X, rng.random(400) < 1.0 / (1.0 + np.exp(-odds)))
    permuted = permutation_importance(model, X, model.predict(X), scoring="neg_log_loss", random_state=0)
    order = np.argsort(model.feature_importances_).tolist()
    assert order == np.argsort(permuted.importances_mean).tolist() == [2, 0, 1]
    assert model.features_used_.tolist() == ["age", "shop"]
