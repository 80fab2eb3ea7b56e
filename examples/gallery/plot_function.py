"""
A function instead of a table
=============================

A sigmoid in as few segments as possible, within a tolerance everywhere on an interval and not at samples alone.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# %%
# A bound on the second derivative makes the answer a proof; that of a sigmoid is at most 1 / (6√3) < 0.0963 in size.
solution = reluctant.approximate_function(sigmoid, -8, 8, tolerance=0.01, curvature=0.0963)
print(solution)

# %%
# An evenly spaced table needs more than twice as many for the same error.
for n in range(2, 100):
    nodes = np.linspace(-8, 8, n + 1)
    fine = np.linspace(-8, 8, 20001)
    if np.abs(np.interp(fine, nodes, sigmoid(nodes)) - sigmoid(fine)).max() <= 0.01:
        break
print(len(solution.breakpoints()), "segments, evenly spaced", n)

# %%
# The error touches the tolerance again and again, as that of a best approximation does.
fine = np.linspace(-8, 8, 4001)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.axhspan(-0.01, 0.01, color="0.92")
axes.plot(fine, solution.predict(fine) - sigmoid(fine))
for knot in solution.breakpoints()["start"][1:]:
    axes.axvline(knot, color="0.7", linewidth=0.6)
axes.set(xlabel="x", ylabel="error")
plt.show()
