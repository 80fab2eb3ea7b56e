"""
Increasing, convex, or both
===========================

Noise makes a fit bend where the law behind it does not. A shape costs no knot: if a function of that shape is in the
band at all, the fewest knots are those without it.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(1)
dose = np.sort(rng.uniform(0, 10, 80))
response = 0.04 * dose**2 + rng.uniform(-0.3, 0.3, 80)

free = reluctant.approximate(dose, response, tolerance=0.32)
shaped = reluctant.approximate(dose, response, tolerance=0.32, shape=("increasing", "convex"))
print("free:  ", free.verdict)
print("shaped:", shaped.verdict)

# %%
# The slopes of the second rise from link to link, to the last bit as they are stored.
print(np.round(shaped.breakpoints()["slope"], 3))
figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
axes.plot(dose, response, ".", color="0.6", label="rows")
fine = np.linspace(0, 10, 1001)
axes.plot(fine, free.predict(fine), label=f"free, {free.n_neurons} knots")
axes.plot(fine, shaped.predict(fine), label=f"increasing and convex, {shaped.n_neurons} knots")
axes.set(xlabel="dose", ylabel="response")
axes.legend()
plt.show()
