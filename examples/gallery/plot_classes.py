"""
Two classes
===========

A classifier with few neurons, its probabilities calibrated by the folds.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(2)
X = rng.normal(0, 1, (200, 2))
labels = np.where(np.abs(X[:, 0]) + 0.5 * X[:, 1] + rng.normal(0, 0.3, 200) > 0.8, "fails", "holds")

model = reluctant.SparseReLUClassifier(random_state=0).fit(X, labels)
print(model.n_parameters_, "parameters,", f"{model.score(X, labels):.1%} of the rows right")

# %%
# The boundary is made of straight pieces, one for each region of the network.
grid = np.stack(np.meshgrid(np.linspace(-3, 3, 151), np.linspace(-3, 3, 151)), axis=-1)
chance = model.predict_proba(grid.reshape(-1, 2))[:, 0].reshape(151, 151)
figure, axes = plt.subplots(figsize=(5.5, 4.4), layout="constrained")
shades = axes.contourf(grid[..., 0], grid[..., 1], chance, levels=11, cmap="RdBu_r", alpha=0.7)
axes.scatter(*X.T, c=np.where(labels == "fails", "darkred", "darkblue"), s=8)
axes.set(xlabel="load", ylabel="age")
figure.colorbar(shades, label="chance of failing")
plt.show()
