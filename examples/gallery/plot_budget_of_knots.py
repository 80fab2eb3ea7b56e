"""
A budget of knots
=================

A device has room for a fixed number of segments. `approximate` finds the smallest largest error that they allow, and
`error_path` finds it for every number at once.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

pressure = np.linspace(0.1, 10, 400)
flow = np.sqrt(pressure) + 0.05 * np.sin(3 * pressure)

solution = reluctant.approximate(pressure, flow, max_neurons=6)
print(solution)

# %%
# The bound is on the error here: six knots are enough for it, and not for the next smaller float.
print(solution.certificate.lower_bound, solution.max_error)

# %%
# All numbers of knots share the sweeps of one another, so the whole path costs little more. The mark shows where a
# further knot begins to pay less; it is a mark and no claim.
path = reluctant.error_path(pressure, flow, max_neurons=20)
for k in (2, 6, 12, 20):
    print(f"{k:2d} knots: {path.errors[path.n_neurons == k][0]:.4f}")
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
path.plot(ax=axes)
plt.show()
