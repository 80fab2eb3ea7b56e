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
# Where a neuron bends the function is a line in the plane: its crease.
figure, axes = plt.subplots(figsize=(5.5, 4.4), layout="constrained")
planted.network.plot(X, ax=axes)
plt.show()
