"""A model of the diabetes table that fits on a page: its size chosen, its neurons read, its rivals beside it.

python examples/estimator.py
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import RepeatedKFold, cross_val_score

from reluctant import SparseReLURegressor


def main():
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    model = SparseReLURegressor(random_state=0).fit(X, y)
    print(f"{model.n_parameters_} parameters, {model.n_neurons_} neurons, {model.solver_used_}")
    print(model.describe(X))
    print("\nshare of the predictions that hangs on each input")
    for j in np.argsort(-model.feature_importances_)[: model.features_used_.size]:
        print(f"  {X.columns[j]:4} {model.feature_importances_[j]:5.2f}")

    path = model.path_
    print("\nsize  training  validation   (½ r², in deviations of y; * chosen)")
    for i in range(0, len(path), 3):
        print(
            f"{path.sizes[i]:4}  {path.training_loss[i]:8.3f}  {path.validation_loss[i]:8.3f} ± "
            f"{path.validation_error[i]:.3f}{' *' if i == path.chosen else ''}"
        )

    folds = RepeatedKFold(n_splits=5, n_repeats=1, random_state=0)
    for name, rival in (("this library", model), ("ridge regression", RidgeCV(np.logspace(-3, 3, 7)))):
        scores = cross_val_score(rival, X.to_numpy(), y, cv=folds)
        print(f"{name:17} R² = {scores.mean():.3f} on held-out rows")


if __name__ == "__main__":
    main()
