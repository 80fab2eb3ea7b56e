"""
The inverse of a table
======================

A sensor's table tells the voltage at a temperature, its user has the voltage. The inverse of a piecewise-linear
function is one with as many segments.
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

temperature = np.linspace(0, 150, 301)
resistance = 100 * (1 + 3.9083e-3 * temperature - 5.775e-7 * temperature**2)

solution = reluctant.approximate(temperature, resistance, tolerance=0.02)
inverse = solution.function.inverse()
print(solution.verdict)
print("there and back:", np.abs(inverse(solution.predict(temperature)) - temperature).max())

# %%
# The tolerance of the inverse is another one: to have one in degrees, fit the table the other way round.
other_way = reluctant.approximate(resistance, temperature, tolerance=0.05)
print("degrees from ohms:", other_way.verdict)
print("slope at 110 ohm:", solution.function.inverse().derivative(110.0), "degrees per ohm")

figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.plot(resistance, inverse(resistance) - temperature, label="inverse of the fit in ohms")
axes.plot(resistance, other_way.predict(resistance) - temperature, label="fitted in degrees")
axes.set(xlabel="resistance (Ω)", ylabel="error (°C)")
figure.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()
