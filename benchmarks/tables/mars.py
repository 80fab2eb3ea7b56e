"""MARS [Friedman 1991] as R's package `earth` fits it; what it finds is carried back, and predicted here.

Its defaults are kept: pruning by generalised cross-validation, as many terms as it finds worth trying. Classes are
fitted as indicators by least squares, and a binomial model in the terms that were selected gives the probabilities.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

SCRIPT = """
suppressPackageStartupMessages(library(earth))
given <- commandArgs(trailingOnly = TRUE)
read <- function(name) as.matrix(read.csv(file.path(given[1], name), header = FALSE))
X <- read("X.csv")
Y <- read("Y.csv")
colnames(X) <- paste0("x", seq_len(ncol(X)))
glm <- if (given[3] == "classes") list(family = binomial) else NULL
model <- suppressWarnings(earth(X, Y, degree = as.integer(given[2]), glm = glm))
kept <- model$selected.terms
coefficients <- if (is.null(glm)) model$coefficients else model$glm.coefficients
write <- function(what, name) {
  write.table(what, file.path(given[1], name), sep = ",", row.names = FALSE, col.names = FALSE)
}
write(model$dirs[kept, , drop = FALSE], "directions.csv")
write(model$cuts[kept, , drop = FALSE], "cuts.csv")
write(coefficients, "coefficients.csv")
"""


@cache
def why_not() -> str | None:
    """Why it cannot run here, or None."""
    if shutil.which("Rscript") is None:
        return "there is no Rscript on the path"
    found = subprocess.run(["Rscript", "-e", "library(earth)"], capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else "R has no package earth"


class Mars(NamedTuple):
    """Σ_k c_k Π_j h_kj(x_j), where h is 1, x, (x − t)₊ or (t − x)₊ by direction 0, 2, 1 or −1."""

    directions: np.ndarray
    cuts: np.ndarray
    coefficients: np.ndarray

    @property
    def n_parameters(self) -> int:
        """A coefficient a term and output, and a threshold a hinge."""
        return int(np.count_nonzero(self.coefficients) + np.count_nonzero(np.abs(self.directions) == 1))

    @property
    def n_hinges(self) -> int:
        """How often a hinge occurs in a term."""
        return int(np.count_nonzero(np.abs(self.directions) == 1))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Values (N, m) at inputs (N, d)."""
        terms = np.ones((len(X), len(self.directions)))
        for k, j in zip(*np.nonzero(self.directions), strict=True):
            direction = self.directions[k, j]
            terms[:, k] *= X[:, j] if direction == 2 else np.maximum(direction * (X[:, j] - self.cuts[k, j]), 0.0)
        return terms @ self.coefficients


def fit(X: np.ndarray, Y: np.ndarray, degree: int, classes: bool) -> Mars:
    """MARS of inputs (N, d) and targets (N, m), which are zeros and ones for classes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("X", X), ("Y", Y)):
            np.savetxt(Path(folder, f"{name}.csv"), array, delimiter=",", fmt="%.17g")
        kind = "classes" if classes else "numbers"
        subprocess.run(["Rscript", "-e", SCRIPT, folder, str(degree), kind], check=True, capture_output=True)
        tables = (
            np.loadtxt(Path(folder, f"{name}.csv"), delimiter=",", ndmin=2)
            for name in ("directions", "cuts", "coefficients")
        )
        directions, cuts, coefficients = tables
    return Mars(
        directions.reshape(-1, X.shape[1]), cuts.reshape(-1, X.shape[1]), coefficients.reshape(len(directions), -1)
    )
