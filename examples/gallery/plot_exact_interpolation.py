"""
The fewest neurons through every point
======================================

A network that meets every row exactly needs a neuron wherever the data turn, but two turns in the same direction can
share one between them.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

x = np.arange(9.0)
y = np.array([0.0, 0.3, 1.0, 2.4, 3.2, 3.4, 2.8, 1.6, 1.3])

fewest = reluctant.interpolate(x, y)
print("p = 0:", fewest.verdict, f"instead of {len(x) - 2} with a knot at every inner row")

# %%
# With 0 < p < 1 the ℓp path norm, the sum of the p-th powers of the slope changes, is minimised instead. For small p
# that gives the fewest neurons too; for p = 1 many functions have the least norm, sparse and not.
for p in (0.1, 0.5, 0.9, 1.0):
    solution = reluctant.interpolate(x, y, p=p)
    print(f"p = {p}: {solution.n_neurons} neurons, {solution.verdict}")

# %%
# The dots on the curve are its knots: most lie between the rows.
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
fine = np.linspace(-0.5, 8.5, 1801)
knots = fewest.breakpoints()["start"][1:]
axes.plot(fine, fewest.predict(fine), label="fewest neurons")
axes.plot(x, y, "k.", markersize=9, label="rows")
axes.plot(knots, fewest.predict(knots), "o", fillstyle="none", color="C1", label="knots")
axes.set(xlabel="x", ylabel="y")
axes.legend()
plt.show()
