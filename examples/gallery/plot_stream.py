"""
Rows that come one by one
=========================

A logger compresses a signal while it measures. `LinkStream` keeps two convex hulls in memory and hands over a segment
as soon as it is certain; together they are the segments with the fewest knots.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

rng = np.random.default_rng(0)
time = np.arange(5000.0)
signal = np.cumsum(rng.normal(0, 0.02, 5000)) + np.sin(time / 300)

stream = reluctant.LinkStream(tolerance=0.15)
parts, kept = [], []
for start in range(0, 5000, 100):
    parts.append(stream.push(time[start : start + 100], signal[start : start + 100]))
    kept.append(stream.n_kept)
parts.append(stream.finish())
function = reluctant.PiecewiseLinear.joined(parts)
print(f"{function.n_knots} knots for 5000 rows; at most {max(kept)} points in memory")

# %%
# The same knots as for the whole table at once:
print(reluctant.approximate(time, signal, tolerance=0.15, rtol=0).verdict)

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(time, signal, color="0.75", linewidth=0.8, label="rows")
axes.plot(time, function(time), linewidth=1, label="segments")
axes.set(xlabel="time", ylabel="signal")
axes.legend()
plt.show()
