"""The line: exact solvers for one input."""
