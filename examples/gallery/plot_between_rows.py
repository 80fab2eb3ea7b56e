"""
A tolerance that holds between the rows
=======================================

A table with few rows is fitted within a tolerance at these rows, and between them the fit may be far from the straight
lines that one would draw. `between="lines"` makes the tolerance hold along them too.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

flow = np.linspace(0, 12, 13)
head = 32 - 0.05 * flow**2 - 0.004 * flow**3

at_rows = reluctant.approximate(flow, head, tolerance=0.1)
along_lines = reluctant.approximate(flow, head, tolerance=0.1, between="lines")
for name, solution in (("at the rows", at_rows), ("along lines", along_lines)):
    errors = f"off by {solution.max_error:.3f} at the rows, {solution.max_error_between:.3f} between"
    print(f"{name}: {solution.verdict}; {errors}")

# %%
# Below, both functions less the lines between the rows. The shaded band is the tolerance.
fine = np.linspace(0, 12, 2401)
lines = np.interp(fine, flow, head)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.axhspan(-0.1, 0.1, color="0.9", label="the tolerance")
axes.plot(fine, at_rows.predict(fine) - lines, label="held at the rows")
axes.plot(fine, along_lines.predict(fine) - lines, label="held along the lines")
axes.plot(flow, 0 * flow, "k.", label="rows")
axes.set(xlabel="flow (m³/h)", ylabel="head less the lines (m)")
figure.legend(loc="outside upper center", ncols=4, frameon=False)
plt.show()
