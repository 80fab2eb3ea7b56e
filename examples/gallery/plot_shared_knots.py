"""
Several channels that share their knots
=======================================

One search for the segment and several outputs: where knots are shared, a table needs one column of positions for all.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

angle = np.linspace(0, 2 * np.pi, 181)
channels = np.column_stack([np.sin(angle), np.cos(angle), 0.5 * np.sin(2 * angle)])

together = reluctant.approximate(angle, channels, tolerance=0.05, time_limit=5)
alone = [reluctant.approximate(angle, y, tolerance=0.05) for y in channels.T]
print("shared:", together.verdict)
print("one by one:", " + ".join(str(s.n_neurons) for s in alone), "knots")

# %%
# The bound comes from stretches that no link can cross with all channels at once.
print(together.certificate.reason)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
fitted = together.predict(angle)
for j, name in enumerate(("sin", "cos", "half sin 2")):
    axes.plot(angle, channels[:, j], color="0.75", linewidth=3, label=None if j else "as given")
    axes.plot(angle, fitted[:, j], color=f"C{j}", label=name)
axes.set(xlabel="angle (rad)")
axes.legend(loc="lower left")
plt.show()
