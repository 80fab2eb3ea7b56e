"""Digests of what fixed calls return: a change that should not change results prints the same lines before and after.

    python benchmarks/fingerprints.py > before.txt     then the change, then the same > after.txt, and diff the two
    python benchmarks/fingerprints.py --only line      only the calls whose name contains a word

A digest is of every float of the returned networks, of the certificate and of the figures of the solution. No call
below depends on the clock: every search ends at its target, at its bound, or at a number of rounds. Digests of two
machines may differ in the last bit of a sum; those of one machine do not.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import reluctant
from reluctant import (
    ReLUNetwork,
    Solution,
    SparseReLUClassifier,
    SparseReLURegressor,
    approximate,
    critical_p,
    interpolate,
    p_path,
    regress,
    size_path,
)
from reluctant.export import export_c

Call = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    total = hashlib.sha256()
    with threadpool_limits(1):
        for name, call in calls().items():
            if only in name:
                digest = digest_of(call())
                total.update(digest.encode())
                print(f"{digest}  {name}", flush=True)
    print(f"{total.hexdigest()[:16]}  all of them")


def digest_of(result: object) -> str:
    """Sixteen hexadecimal digits of everything in a result that a user could read."""
    hasher = hashlib.sha256()
    _feed(hasher, result)
    return hasher.hexdigest()[:16]


def _feed(hasher: hashlib._Hash, value: object) -> None:
    if isinstance(value, Solution):
        certificate = value.certificate
        for part in (value.network, value.p, value.value, value.n_neurons, value.n_parameters, value.max_error):
            _feed(hasher, part)
        _feed(hasher, (certificate.quantity, certificate.lower_bound, certificate.kind, certificate.reason))
        _feed(hasher, (value.alpha, value.mean_loss))
    elif isinstance(value, ReLUNetwork):
        _feed(hasher, (value.input_weights, value.biases, value.output_weights, value.slope, value.intercept))
    elif isinstance(value, dict):
        _feed(hasher, list(value.items()))
    elif isinstance(value, (list, tuple)):
        for part in value:
            _feed(hasher, part)
    elif isinstance(value, np.ndarray):
        hasher.update(f"{value.dtype} {value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, (str, bytes, int, float, type(None))):
        hasher.update(value if isinstance(value, bytes) else repr(value).encode())
    else:
        raise TypeError(f"no digest of a {type(value).__name__}")


def uniform(n: int, d: int, m: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels uniform in [−1, 1]; m = 0 gives labels (N,)."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), rng.uniform(-1, 1, (n, m) if m else n)


def noisy(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two hinges and noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, d))
    return X, np.maximum(X[:, 0], 0) - 0.7 * np.maximum(0.3 - X[:, 1], 0) + 0.05 * rng.standard_normal(n)


def planted(n: int, d: int, m: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a network of two neurons on one input each."""
    X, _ = uniform(n, d, seed=seed)
    hinges = np.maximum(X[:, :2] - [0.1, -0.2], 0)
    return X, np.squeeze(hinges @ np.random.default_rng(seed + 1).uniform(0.5, 2, (2, m)))


def calls() -> dict[str, Call]:
    """The calls by name."""
    return on_the_line() | in_many_dimensions() | on_noisy_tables() | in_files() | in_training()


def on_the_line() -> dict[str, Call]:
    """One input and one output."""
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(size=300)), np.cumsum(rng.normal(size=300))
    whole = rng.integers(-3, 4, 60).astype(float)
    grid = np.arange(60.0)
    smooth = np.sin(6 * x) + 0.05 * rng.normal(size=300)
    widths = rng.uniform(0.1, 1, 300)
    path = p_path(x, y)
    return {
        "line interpolate p=0": lambda: interpolate(x, y),
        "line interpolate p=0.5": lambda: interpolate(x, y, 0.5),
        "line interpolate p=1": lambda: interpolate(x, y, 1),
        "line interpolate integers": lambda: interpolate(grid, whole),
        "line interpolate integers p=0.3": lambda: interpolate(grid, whole, 0.3),
        "line interpolate rtol=0": lambda: interpolate(grid, 0.1 * grid, rtol=0.0),
        "line interpolate affine=False": lambda: interpolate(grid, whole, affine=False),
        "line interpolate halve_p": lambda: interpolate(x, y, 0.9, halve_p=True),
        "line interpolate unsorted, repeated": lambda: interpolate(np.r_[x[::-1], x], np.r_[y[::-1], y]),
        "line approximate": lambda: approximate(x, y, tolerance=0.7),
        "line approximate rows": lambda: approximate(x, y, tolerance=widths),
        "line approximate rtol=0": lambda: approximate(grid, whole, tolerance=1, rtol=0.0),
        "line approximate affine=False": lambda: approximate(grid, whole, tolerance=1, affine=False),
        "line p_path": lambda: (path.breakpoints, [path.solution(p) for p in (0.01, 0.2, 0.5, 0.9)]),
        "line critical_p": lambda: critical_p(x, y),
        "line regress p=1": lambda: regress(x, smooth, alpha=1e-3, p=1),
        "line regress p=0.5": lambda: regress(x, smooth, alpha=1e-3, p=0.5),
        "line regress weights": lambda: regress(x, smooth, alpha=1e-3, p=1, sample_weight=widths),
        "line regress absolute": lambda: regress(x[:80], smooth[:80], alpha=1e-2, loss="absolute", random_state=0),
    }


def in_many_dimensions() -> dict[str, Call]:
    """Newton-prune, planted networks, enumeration, the convex program and bands."""
    integers = np.random.default_rng(3).integers(-2, 3, (8, 2)).astype(float)
    X5, y5 = planted(40, 5)
    X6, y6 = uniform(6, 2, seed=1)
    Y6 = np.column_stack([y6, 2 * y6, np.zeros(6)])
    start = interpolate(*uniform(10, 5), random_state=1).network
    return {
        "space interpolate 10x50": lambda: interpolate(*uniform(10, 50), random_state=0),
        "space interpolate 20x5": lambda: interpolate(*uniform(20, 5), random_state=0),
        "space interpolate 50x10": lambda: interpolate(*uniform(50, 10), random_state=0),
        "space interpolate affine": lambda: interpolate(*uniform(20, 5), affine=True, random_state=0),
        "space interpolate two processes": lambda: interpolate(*uniform(30, 4), n_jobs=2, random_state=0),
        "space interpolate outputs": lambda: interpolate(*uniform(15, 6, 2), target=40, random_state=0),
        "space interpolate mixed outputs": lambda: interpolate(X6, Y6, random_state=0),
        "space interpolate neurons": lambda: interpolate(*uniform(30, 5), minimize="neurons", target=7, random_state=0),
        "space interpolate target": lambda: interpolate(*uniform(30, 2), target=33, random_state=0),
        "space interpolate start": lambda: interpolate(*uniform(10, 5), start=start, random_state=0),
        "space interpolate repeated rows": lambda: interpolate(np.r_[X6, X6], np.r_[y6, y6], random_state=0),
        "space enumeration": lambda: interpolate(X6, y6, random_state=0),
        "space enumeration integers": lambda: interpolate(integers[:7], integers[:7, 0] - 1, random_state=0),
        "space enumeration neurons": lambda: interpolate(X6, y6, minimize="neurons", random_state=0),
        "space planted": lambda: interpolate(X5, y5, random_state=0),
        "space planted affine": lambda: interpolate(X5, y5 + X5[:, 2], affine=True, random_state=0),
        "space outputs over one input": lambda: interpolate(X6[:, 0], np.c_[y6, y6**2], target=14, random_state=0),
        "space p=1": lambda: interpolate(*uniform(12, 3), 1, random_state=0),
        "space p=1 affine": lambda: interpolate(*uniform(12, 3), 1, affine=True, random_state=0),
        "space p=1 outputs": lambda: interpolate(*uniform(8, 2, 2), 1, random_state=0),
        "space p=0.5 of four points": lambda: interpolate(*uniform(4, 2), 0.5, random_state=0),
        "space p=0.5 outputs over one input": lambda: interpolate(X6[:, 0], np.c_[y6, y6**2], 0.5),
        "space critical_p": lambda: critical_p(*uniform(4, 2)),
        "space approximate at its target": lambda: approximate(
            *uniform(20, 5), tolerance=0.1, target=20, random_state=0
        ),
        "space approximate zero": lambda: approximate(X6, y6, tolerance=0, random_state=0),
        "space approximate equal rows": lambda: approximate(
            np.r_[X6, X6], np.r_[y6, y6 + 0.1], tolerance=0.2, target=6, random_state=0
        ),
    }


def on_noisy_tables() -> dict[str, Call]:
    """`regress`, `size_path` and the estimators."""
    X, y = noisy(150, 3)
    Y = np.column_stack([y, 2 * X[:, 2]])
    classes, three = (y > 0).astype(int), np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    weights = np.random.default_rng(5).uniform(0.2, 2, 150)

    def path(**arguments: object) -> list:
        found = size_path(X, arguments.pop("y", y), random_state=0, **arguments)  # type: ignore[arg-type]
        return [found.sizes, found.training_loss, list(found.networks)]

    def fitted(model: object, labels: np.ndarray, **arguments: object) -> list:
        model.fit(X, labels, **arguments)  # type: ignore[attr-defined]
        certificate = model.certificate_  # type: ignore[attr-defined]
        return [model.network_, model.predict(X), certificate.kind]  # type: ignore[attr-defined]

    def regressed(loss: str, labels: np.ndarray, **arguments: object) -> Solution:
        return regress(X, labels, alpha=3e-3, loss=loss, random_state=0, **arguments)  # type: ignore[arg-type]

    return {
        "noisy regress squared": lambda: regressed("squared", y),
        "noisy regress p=1": lambda: regressed("squared", y, p=1),
        "noisy regress starts, processes": lambda: regressed("squared", y, n_starts=2, n_jobs=2),
        "noisy regress outputs": lambda: regressed("squared", Y),
        "noisy regress absolute": lambda: regressed("absolute", y),
        "noisy regress huber": lambda: regressed("huber", y),
        "noisy regress quantile": lambda: regressed("quantile", y),
        "noisy regress logistic": lambda: regressed("logistic", classes),
        "noisy regress softmax": lambda: regressed("softmax", three),
        "noisy regress hinge": lambda: regressed("hinge", classes),
        "noisy regress weights, no affine part": lambda: regressed("squared", y, sample_weight=weights, affine=False),
        "noisy size_path": path,
        "noisy size_path kicks": lambda: path(kicks=10),
        "noisy size_path outputs": lambda: path(y=Y),
        "noisy size_path logistic": lambda: path(y=classes, loss="logistic"),
        "noisy size_path absolute": lambda: path(loss="absolute"),
        "noisy regressor": lambda: fitted(SparseReLURegressor(random_state=0), y),
        "noisy regressor weights": lambda: fitted(SparseReLURegressor(random_state=0), y, sample_weight=weights),
        "noisy regressor outputs": lambda: fitted(SparseReLURegressor(random_state=0), Y),
        "noisy regressor alpha": lambda: fitted(SparseReLURegressor(alpha=1e-2, random_state=0), y),
        "noisy classifier": lambda: fitted(SparseReLUClassifier(random_state=0), classes),
        "noisy classifier of three": lambda: fitted(SparseReLUClassifier(random_state=0), three),
    }


def in_files() -> dict[str, Call]:
    """Files, words and C."""
    x, y = np.linspace(0, 1, 40), np.sqrt(np.linspace(0, 1, 40))
    line, space = approximate(x, y, tolerance=0.01), interpolate(*uniform(10, 5), random_state=0)

    def saved(name: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            space.network.save(Path(folder) / name)
            again = ReLUNetwork.load(Path(folder) / name)
            return digest_of(again).encode() + (Path(folder) / name).read_bytes() * name.endswith("json")

    def in_c(solution: Solution, **arguments: object) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            export_c(solution, Path(folder) / "network.c", **arguments)  # type: ignore[arg-type]
            texts = [(Path(folder) / name).read_text() for name in ("network.c", "network.h")]
        # The version of the library stands in the header and is no result.
        return [text.replace(reluctant.__version__, "") for text in texts]

    return {
        "file json": lambda: saved("network.json"),
        "file npz": lambda: saved("network.npz"),
        "file c line": lambda: in_c(line),
        "file c line float": lambda: in_c(line, dtype="float"),
        "file c space": lambda: in_c(space),
        "words": lambda: space.network.describe(),
        "words of the line": lambda: line.network.describe(),
        "merged, balanced, canonical": lambda: [
            f(space.network) for f in (ReLUNetwork.merged, ReLUNetwork.balanced, ReLUNetwork.canonical)
        ],
    }


def in_training() -> dict[str, Call]:
    """`reluctant.nn`."""
    import torch

    from reluctant import nn

    torch.set_num_threads(1)
    X, y = noisy(120, 3)

    def trained(**arguments: object) -> list:
        run = nn.fit_network(X, y, alpha=0.01, epochs=20, n_neurons=30, **arguments)  # type: ignore[arg-type]
        return [run.network, run.path_norm, run.stopped]

    def restarted(**arguments: object) -> list:
        runs = nn.train_restarts(X, y, alpha=0.01, restarts=3, epochs=300, n_neurons=20, **arguments)  # type: ignore[arg-type]
        return list(runs.networks)

    def wrapped() -> list:
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(3, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))
        optimizer = nn.ReweightedL1(torch.optim.Adam(module.parameters(), lr=0.01), module, p=0.4, alpha=0.01)
        inputs, targets = (torch.tensor(a, dtype=torch.float32) for a in (X, y[:, None]))
        for _ in range(200):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(module(inputs), targets).backward()
            optimizer.step()
        optimizer.remove_dead()
        return [nn.to_network(module), nn.path_norm(module, 0.4)]

    return {
        "train fit_network": trained,
        "train fit_network prox, validation": lambda: trained(
            shrinkage=nn.Shrinkage(step="prox"), validation=nn.Validation(X, y, patience=5)
        ),
        "train restarts": restarted,
        "train restarts p, batches": lambda: restarted(p=0.4, batch_size=40),
        "train wrapper": wrapped,
    }


if __name__ == "__main__":
    main()
