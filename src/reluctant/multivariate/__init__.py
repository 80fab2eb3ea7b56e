"""Inputs in R^d: the search, the linear-programming view, exact solvers and bounds."""
