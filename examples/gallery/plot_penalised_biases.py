"""
When biases count
=================

A knot far from zero has a large bias. If biases are penalised, knots move towards zero, and the interpolant is another
one.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

x = np.arange(-4.5, 5.0)
y = np.array([11.5, 8.0, 5.3, 3.4, 2.2, 1.9, 2.5, 4.1, 6.8, 10.4])

solutions = {
    "free": reluctant.interpolate(x, y, p=1),
    "l1": reluctant.interpolate(x, y, p=1, bias="l1"),
    "l2": reluctant.interpolate(x, y, p=1, bias="l2"),
}
for name, solution in solutions.items():
    print(f"{name:5s}", solution.verdict, np.round(solution.breakpoints()["start"][1:], 3))

# %%
# All three interpolate, and each is proved to have the least of its own norm.
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
for row, solution in enumerate(solutions.values()):
    table = solution.breakpoints()
    knots, change = table["start"][1:], np.abs(np.diff(table["slope"]))
    axes.scatter(knots, np.full(len(knots), row), s=60 * change)
axes.set(
    yticks=range(3),
    yticklabels=solutions,
    ylabel="biases",
    xlabel="knots; their size is the change of slope",
    ylim=(-0.6, 2.6),
)
plt.show()
