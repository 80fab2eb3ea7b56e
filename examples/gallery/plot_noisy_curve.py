"""
A noisy curve with counted knots
================================

Least squares with a price for every knot, solved exactly over all sets of knots at rows: where does the slope really
change?
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(3)
time = np.linspace(0, 10, 200)
truth = np.interp(time, [0, 2, 5, 6, 10], [1, 3, 2, 5, 4.5])
signal = truth + rng.normal(0, 0.25, 200)

solution = reluctant.regress(time, signal, p=0, max_neurons=3)
print(solution)
print("knots at", np.round(solution.breakpoints()["start"][1:], 2), "; they were at 2, 5 and 6")

# %%
# One call gives the best fit for every number of knots that some price asks for.
path = reluctant.regress_path(time, signal, max_neurons=8)
print(path)

figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
axes.plot(time, signal, ".", color="0.7", label="rows")
axes.plot(time, truth, "k--", linewidth=1, label="without noise")
axes.plot(time, solution.predict(time), label="three knots")
axes.set(xlabel="time", ylabel="signal")
axes.legend()
plt.show()
