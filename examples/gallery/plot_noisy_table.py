"""
A noisy table, and a model that fits on a page
==============================================

`SparseReLURegressor` chooses the size of its network by cross-validation and says what each neuron does.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(0)
X = rng.uniform(0, 10, (150, 3))
y = 2 * X[:, 0] + 3 * np.maximum(X[:, 1] - 6, 0) + rng.normal(0, 1, 150)

model = reluctant.SparseReLURegressor(random_state=0).fit(X, y)
print(model.n_parameters_, "parameters")
print(model.network_.describe(["dose", "age", "height"], X=X))

# %%
# The error against the size, as the folds saw it, is kept: a smaller or a larger network is a choice and not a new
# search.
path = reluctant.size_path(X, y, random_state=0)
print([int(s) for s in path.sizes][:10])
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
path.plot(ax=axes)
plt.show()
