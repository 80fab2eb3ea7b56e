"""
The solution for every p at once
================================

How small is small enough? As p falls from 1 to 0 the solution changes at finitely many breakpoints; below the first
one that matters, p*, it has the fewest neurons. On the line all of them are found.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(7)
x = np.sort(rng.uniform(0, 1, 60))
y = np.exp(3 * x) + 0.5 * x**2

path = reluctant.p_path(x, y)
print(path)
print("p* =", reluctant.critical_p(x, y))

# %%
# Each piece can be made at will. Here, the number of knots below p* and close to 1.
for p in (path.critical_p / 2, 0.5, 0.99):
    print(f"p = {p:.3f}: {path.n_knots(p)} knots, value {path.solution(p).value:.4f}")
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
path.plot(ax=axes)
plt.show()
