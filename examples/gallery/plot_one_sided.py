"""
Never above, never below
========================

A safe under-estimate of a capacity, or an over-estimate of a load: `bounds` takes a band of its own for each row,
infinite on a side that does not matter.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

temperature = np.linspace(-20, 60, 161)
capacity = 40 / (1 + np.exp(-(temperature - 5) / 9)) + 55

under = reluctant.approximate(temperature, capacity, bounds=(capacity - 1, capacity))
over = reluctant.approximate(temperature, capacity, bounds=(capacity, capacity + 1))
print("under:", under.verdict)
print("over: ", over.verdict)

# %%
# Each is within one unit on its own side and crosses to the other nowhere, but for the rounding of decimals that the
# reason states.
print(under.certificate.reason)
error = np.stack([under.predict(temperature) - capacity, over.predict(temperature) - capacity])
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.axhline(0, color="0.7", linewidth=0.8)
axes.plot(temperature, error[0], label=f"under-estimate, {under.n_neurons} knots")
axes.plot(temperature, error[1], label=f"over-estimate, {over.n_neurons} knots")
axes.set(xlabel="temperature (°C)", ylabel="estimate less capacity (%)")
figure.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()
