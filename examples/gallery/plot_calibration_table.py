"""
A calibration table within a tolerance
======================================

The table of a thermocouple of type K has 1,643 rows of millivolts and degrees. How few straight segments reproduce it
within half a degree?
"""

import matplotlib.pyplot as plt
import numpy as np

import reluctant

temperature, emf = np.loadtxt("../thermocouple_type_k.csv", delimiter=",", skiprows=1, unpack=True)
solution = reluctant.approximate(emf, temperature, tolerance=0.5)
print(solution)

# %%
# The bound is proved: no function with fewer knots comes within half a degree of every row. The certificate says so in
# one sentence, with its conditions.
print(solution.certificate.reason)

# %%
# The segments are what has to be stored: where each begins, a point on it and its slope.
for segment in solution.breakpoints()[-5:]:
    print(f"from {segment['start']:8.4f} mV: {segment['slope']:7.3f} °C per mV")

# %%
# The tolerance holds at the rows. How far the function is from the straight lines between them is known exactly too.
print(f"{solution.max_error:.4f} °C at the rows, {solution.max_error_between:.4f} °C between them")
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
solution.plot(emf, temperature, 0.5, ax=axes, x_label="voltage in mV", y_label="temperature in °C")
plt.show()
