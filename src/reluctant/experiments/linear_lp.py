"""Sparse solutions of linear systems, for which the finite program of the paper asks: algorithms side by side.

With the activation patterns held fixed a network is linear in its effective weights, F(u) = A u [NN, Lemma 4.1], and
the smallest Σ|u|^p with A u = y is a problem of compressed sensing. Here y = A u for a known sparse u.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import linprog

from reluctant.arrays import Array
from reluctant.experiments.page import MARKERS, Page, legend_below, new_figure
from reluctant.multivariate.basin_hopping.reweighted import weighted_ridge
from reluctant.objective import smoothed_power
from reluctant.report.style import COLOURS

ROWS, INPUTS, NEURONS = 40, 4, 24
"""Equations; inputs and neurons of the patterns, so that there are 24 · 5 = 120 unknowns."""
P = 0.5
NONZERO = 1e-3
"""Of max|u|: smaller weights count as zero before the last least squares."""
RECOVERED = 1e-6
"""Of ‖u‖: a result so close to the planted u counts as found."""
DESIGNS = {"gaussian": "Gaussian A", "patterns": "A of fixed patterns"}


def gaussian(rng: np.random.Generator) -> Array:
    """Independent normal entries, columns of length one."""
    return unit_columns(rng.standard_normal((ROWS, NEURONS * (INPUTS + 1))))


def patterns(rng: np.random.Generator) -> Array:
    """Columns σ_k 1[w_k·x + b_k > 0] x̄_j for random neurons with hinges through data points, of length one."""
    rows = np.column_stack([rng.uniform(-1, 1, (ROWS, INPUTS)), np.ones(ROWS)])
    W = rng.standard_normal((NEURONS, INPUTS))
    bias = -np.einsum("kj,kj->k", W, rows[rng.integers(ROWS, size=NEURONS), :-1])
    active = rows @ np.column_stack([W, bias]).T > 0.0
    signs = rng.choice([-1.0, 1.0], NEURONS)
    return unit_columns((active * signs)[:, :, None] * rows[:, None, :])


def unit_columns(A: NDArray) -> Array:
    """The columns, flattened, at length one."""
    A = A.reshape(ROWS, -1)
    return np.asarray(A / np.maximum(np.linalg.norm(A, axis=0), 1e-12), dtype=np.float64)


def irls(A: Array, y: Array, n_nonzero: int) -> Array:
    """Reweighted least squares of least weighted norm, ε from 1 down by tens [Chartrand and Yin 2008]."""
    u = np.linalg.lstsq(A, y)[0]
    eps = 1.0
    while eps > 1e-8:
        for _ in range(100):
            before, v = u, (u * u + eps) ** (1 - P / 2)
            u = v * (A.T @ np.linalg.lstsq((A * v) @ A.T, y)[0])
            if np.linalg.norm(u - before) < np.sqrt(eps) / 100 * np.linalg.norm(before):
                break
        eps /= 10
    return np.asarray(u, dtype=np.float64)


def basis_pursuit(A: Array, y: Array, n_nonzero: int) -> Array:
    """The least Σ|u|."""
    return weighted_l1(A, y, np.ones(A.shape[1]))


def irl1(A: Array, y: Array, n_nonzero: int) -> Array:
    """Basis pursuit, then seven times with weights 1/(|u| + 0.1 max|u|) [Candès, Wakin and Boyd 2008]."""
    u = basis_pursuit(A, y, n_nonzero)
    for _ in range(7):
        u = weighted_l1(A, y, 1.0 / (np.abs(u) + 0.1 * np.abs(u).max()))
    return u


def weighted_l1(A: Array, y: Array, weights: Array) -> Array:
    """The least Σ w|u| with A u = y, by HiGHS."""
    found = linprog(np.tile(weights, 2), A_eq=np.hstack([A, -A]), b_eq=y, method="highs")
    positive, negative = np.split(found.x, 2)
    return np.asarray(positive - negative)


def half_thresholding(A: Array, y: Array, n_nonzero: int) -> Array:
    """Iterative half thresholding for p = ½, told the number of nonzeros [Xu, Chang, Xu and Zhang 2012, scheme 1]."""
    mu = 0.99 / np.linalg.norm(A, 2) ** 2
    u = np.zeros(A.shape[1])
    for _ in range(5000):
        z = u + mu * (A.T @ (y - A @ u))
        size = np.abs(z)
        # λμ of which exactly the n largest stay above the threshold (54^⅓ / 4) (λμ)^⅔.
        strength = np.sqrt(96) / 9 * np.partition(size, -n_nonzero - 1)[-n_nonzero - 1] ** 1.5
        kept = size > 54 ** (1 / 3) / 4 * strength ** (2 / 3)
        angle = np.arccos(np.clip(strength / 8 * (np.where(kept, size, 1.0) / 3) ** -1.5, -1, 1))
        before, u = u, np.where(kept, 2 / 3 * z * (1 + np.cos(2 * np.pi / 3 - 2 / 3 * angle)), 0.0)
        if np.linalg.norm(u - before) <= 1e-9 * np.linalg.norm(u):
            break
    return u


def reweighted_ridge(A: Array, y: Array, n_nonzero: int) -> Array:
    """The step of our search for planted networks: weighted ridge, λ and ε annealed, small weights dropped."""
    u, kept = np.linalg.lstsq(A, y)[0], np.arange(A.shape[1])
    scale = np.abs(u).max()
    for lam, eps in zip(np.geomspace(1e-2, 1e-8, 25), np.geomspace(1.0, 1e-4, 25)):
        for _ in range(3):
            v = smoothed_power(u, 2 - P, eps * scale)
            step = weighted_ridge(A[:, kept], v, y, lam * float(v.mean()))
            u = u if step is None else step
        alive = np.abs(u) >= NONZERO * np.abs(u).max()
        u, kept = u[alive], kept[alive]
    full = np.zeros(A.shape[1])
    full[kept] = u
    return full


def surgeon(A: Array, y: Array, n_nonzero: int) -> Array:
    """The step of Newton-prune: delete the cheapest by u²/(|u| Π_qq) in the metric |u|, one after the other.

    As long as there are more weights than equations, each deletion keeps A u = y.
    """
    kept = np.arange(A.shape[1])
    u = np.linalg.lstsq(A, y)[0]
    while len(kept) > len(y):
        metric = np.abs(u) + NONZERO * np.abs(u).mean()
        B = A[:, kept] * np.sqrt(metric)
        L = np.linalg.cholesky(B @ B.T + 1e-12 * np.trace(B @ B.T) / len(y) * np.eye(len(y)))
        V = solve_triangular(L, B, lower=True)
        free = np.maximum(1.0 - np.einsum("ij,ij->j", V, V), 1e-9)
        q = int(np.argmin(u * u / metric / free))
        projected = -V.T @ V[:, q]
        projected[q] += 1.0
        u = u - np.sqrt(metric) * projected * (u[q] / np.sqrt(metric[q]) / free[q])
        u, kept = np.delete(u, q), np.delete(kept, q)
    full = np.zeros(A.shape[1])
    full[kept] = np.linalg.lstsq(A[:, kept], y)[0]
    return full


def skglm_half(A: Array, y: Array, n_nonzero: int) -> Array:
    """Coordinate descent of skglm with its penalty L0_5, down 40 strengths to the first support that fits."""
    from skglm.datafits import Quadratic  # type: ignore[import-not-found]
    from skglm.penalties import L0_5  # type: ignore[import-not-found]
    from skglm.solvers import AndersonCD  # type: ignore[import-not-found]

    A = np.asfortranarray(A)
    datafit = Quadratic()
    datafit.initialize(A, y)
    u, values = np.zeros(A.shape[1]), np.zeros(len(y))
    # At zero every point is stationary for p < 1: the distance to a fixed point, not the subgradient, has to choose.
    solver = AndersonCD(max_epochs=5000, tol=1e-8, ws_strategy="fixpoint", warm_start=True, fit_intercept=False)
    for alpha in np.geomspace(1.0, 1e-6, 40) * np.abs(A.T @ y).max() / len(y):
        u = solver.solve(A, y, datafit, L0_5(alpha), u.copy(), values.copy())[0]
        values = A @ u
        fitted = refitted(A, y, u)
        if np.count_nonzero(fitted) < len(y) and np.linalg.norm(A @ fitted - y) < 1e-9 * np.linalg.norm(y):
            return fitted
    return u


SOLVERS: dict[str, Callable[[Array, Array, int], Array]] = {
    "ℓ1 (basis pursuit)": basis_pursuit,
    "IRL1": irl1,
    "IRLS": irls,
    "half thresholding, told k": half_thresholding,
    "skglm L0_5": skglm_half,
    "ours: reweighted ridge": reweighted_ridge,
    "ours: surgeon deletions": surgeon,
}


def refitted(A: Array, y: Array, u: Array) -> Array:
    """Least squares on the weights above `NONZERO`, where they are no more than the equations."""
    support = np.abs(u) > NONZERO * np.abs(u).max(initial=0.0)
    if np.count_nonzero(support) > len(y):
        return u
    fitted = np.zeros_like(u)
    fitted[support] = np.linalg.lstsq(A[:, support], y)[0]
    return fitted


class Trial(NamedTuple):
    """Whether the planted u came back, and processor seconds."""

    found: bool
    seconds: float


def trial(solver: Callable[[Array, Array, int], Array], design: str, k: int, seed: int) -> Trial:
    """A random A, and u with k normal weights at random places."""
    rng = np.random.default_rng([seed, k])
    A = gaussian(rng) if design == "gaussian" else patterns(rng)
    planted = np.zeros(A.shape[1])
    present = np.flatnonzero(A.any(axis=0))
    planted[rng.choice(present, k, replace=False)] = rng.standard_normal(k)
    y = A @ planted
    began = time.process_time()
    u = solver(A, y, k)
    seconds = time.process_time() - began
    distance = np.linalg.norm(refitted(A, y, u) - planted)
    return Trial(bool(distance <= RECOVERED * np.linalg.norm(planted)), seconds)


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Recover planted u of every sparsity by every algorithm and write the page."""
    sparsities = (4, 10, 16) if quick else (2, 4, 6, 8, 10, 12, 14, 16, 18, 20)
    seeds = 10 if quick else 20
    solvers = {name: solver for name, solver in SOLVERS.items() if solver is not skglm_half or find_spec("skglm")}
    for solver in solvers.values():
        trial(solver, "gaussian", 2, 0)  # compiled before it is timed
    shares = np.empty((len(DESIGNS), len(solvers), len(sparsities)))
    seconds = np.empty_like(shares)
    for i, design in enumerate(DESIGNS):
        for j, (name, solver) in enumerate(solvers.items()):
            say(f"{DESIGNS[design]}: {name}")
            for m, k in enumerate(sparsities):
                trials = [trial(solver, design, k, seed) for seed in range(seeds)]
                shares[i, j, m] = np.mean([one.found for one in trials])
                seconds[i, j, m] = np.median([one.seconds for one in trials])
    return write(out, sparsities, seeds, list(solvers), shares, 1000 * np.median(seconds, axis=2))


def write(
    out: Path, sparsities: tuple[int, ...], seeds: int, names: list[str], shares: NDArray, milliseconds: NDArray
) -> Path:
    """Write the page from shares (design, solver, k) and medians of processor milliseconds (design, solver)."""
    page = Page("linear-lp", "Sparse solutions of linear systems", out)
    _words(page, seeds, "skglm L0_5" in names)
    page.figure("success", _figure(sparsities, names, shares), "Share of the planted u that came back.")
    for i, words in enumerate(DESIGNS.values()):
        page.text(f"## {words}")
        header = ["", *(f"k = {k}" for k in sparsities), "CPU ms, median"]
        rows = [
            [name, *(f"{100 * share:.0f} %" for share in shares[i, j]), f"{milliseconds[i, j]:.3g}"]
            for j, name in enumerate(names)
        ]
        page.table(f"table {i}", header, rows)
    return page.write()


def _words(page: Page, seeds: int, with_skglm: bool) -> None:
    page.text(
        "With its activation patterns fixed a network is linear in its effective weights, F(u) = A u (Nakhleh and "
        "Nowak 2025, Lemma 4.1), so that for given patterns the sparsest u is a problem of compressed sensing. Here "
        f"y = A u, where u has k normal weights at random places and A has {ROWS} rows and {NEURONS * (INPUTS + 1)} "
        f"columns of length one: independent normal entries, or the columns 1[w·x + b > 0] (x, 1) of {NEURONS} random "
        f"neurons with {INPUTS} inputs, whose columns resemble each other. That an active point stays active is not "
        f"asked for. {seeds} draws of A and u for every k: a share has a standard error of {0.5 / np.sqrt(seeds):.2f} "
        "at most."
    )
    page.text(
        "Every result ends with least squares on its weights above a thousandth of the largest, if these are no more "
        f"than the rows; it counts where it is within {RECOVERED:g} ‖u‖ of the planted u. All penalties have p = ½. "
        "IRLS: Chartrand and Yin 2008. IRL1: Candès, Wakin and Boyd 2008, eight linear programs. Half thresholding: "
        "Xu, Chang, Xu and Zhang 2012, which is told k. Ours: the weighted ridge step of the search for planted "
        "networks, which is IRLS with a penalty that falls and weights that are dropped for good; and the deletions "
        "of Newton-prune, down to as many weights as rows. No setting was tuned on these tables."
    )
    page.text(
        "Neither of ours is made for this problem alone. Dropping weights for good makes the ridge faster than IRLS "
        "and loses some that are wanted, which in the search come back by kicks and restarts; the deletions aim "
        "at as many weights as rows, and find fewer only where no wanted one went before."
    )
    if with_skglm:
        page.text("skglm: coordinate descent with L0_5, down a path of 40 strengths, to the first support that fits.")
    else:
        page.text("skglm's L0_5 is left out: the package is not installed here (`pip install skglm`).")


def _figure(sparsities: tuple[int, ...], names: list[str], shares: NDArray) -> Any:
    figure, axes = new_figure(1, 2, size=(8.6, 4.6), share=True)
    for i, words in enumerate(DESIGNS.values()):
        panel = axes[0, i]
        for j, (name, colour, marker) in enumerate(zip(names, COLOURS, MARKERS)):
            panel.plot(sparsities, shares[i, j], color=colour, marker=marker, markersize=4, label=name)
        panel.set_title(words, loc="left")
        panel.set_xlabel("nonzero weights k")
        panel.set_xticks(sparsities)
    axes[0, 0].set_ylabel("share recovered")
    legend_below(figure, axes[0, 0])
    return figure
