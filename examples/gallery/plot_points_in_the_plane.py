"""
Points in the plane
===================

In many dimensions the sparsest network is searched for. The certificate says what is known about the optimum, and what
kind of knowledge it is.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (20, 2))
y = rng.uniform(-1, 1, 20)

solution = reluctant.interpolate(X, y, random_state=0)
print(solution)
print(solution.certificate.reason)

# %%
# Labels from a small network give the network back, and a few of the rows are enough to prove that there is no smaller
# one.
y = np.maximum(X[:, 0] - 0.2, 0) - 2 * np.maximum(X[:, 1] + 0.1, 0)
planted = reluctant.interpolate(X, y, random_state=0)
print(planted.verdict)
print(planted.network.describe(["width", "height"], X=X))

# %%
# Where a neuron bends the function is a line in the plane, its crease: here two of them.
grid = np.stack(np.meshgrid(np.linspace(-1, 1, 201), np.linspace(-1, 1, 201)), axis=-1)
values = planted.network(grid.reshape(-1, 2)).reshape(201, 201)
figure, axes = plt.subplots(figsize=(5.5, 4.4), layout="constrained")
shades = axes.contourf(grid[..., 0], grid[..., 1], values, levels=21, cmap="viridis")
for weights, bias in zip(planted.network.input_weights, planted.network.biases, strict=True):
    axes.contour(grid[..., 0], grid[..., 1], grid @ weights + bias, levels=[0], colors="white")
axes.plot(*X.T, "k.")
axes.set(xlabel="width", ylabel="height", xticks=(-1, -0.5, 0, 0.5, 1), yticks=(-1, -0.5, 0, 0.5, 1))
figure.colorbar(shades, label="f")
plt.show()
