"""Noisy data: networks that minimise a loss, the path of error against size, and the choice on it."""
