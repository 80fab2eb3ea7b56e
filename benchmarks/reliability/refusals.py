"""Arguments that are none: each has to be refused in a sentence of this library, or taken as what it plainly means."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import numpy as np
from trials import refused_clearly

import reluctant as r

X = np.arange(6.0)
Y = np.array([0.0, 0, 1, 1, 0, 0.5])


def _spoilt(values: np.ndarray, rng: np.random.Generator, bad: float) -> np.ndarray:
    spoilt = values.copy()
    spoilt[rng.integers(len(values))] = bad
    return spoilt


SPOIL: list[Callable[[np.ndarray, np.random.Generator], Any]] = [
    lambda v, g: _spoilt(v, g, np.nan),
    lambda v, g: _spoilt(v, g, np.inf),
    lambda v, g: _spoilt(v, g, -np.inf),
    lambda v, g: _spoilt(v, g, 1e308),
    lambda v, g: v[: int(g.integers(6))],
    lambda v, g: np.append(v, 1.0),
    lambda v, g: v[:, None, None],
    lambda v, g: v + 1j,
    lambda v, g: [*v[:5], "six"],
    lambda v, g: [*v[:5], None],
    lambda v, g: [*v[:5], [1.0, 2.0]],
    lambda v, g: "a table",
    lambda v, g: None,
    lambda v, g: {},
    lambda v, g: [datetime.date(2020, 1, 1)] * 6,
    lambda v, g: np.array([10**400] * 6, dtype=object),
    lambda v, g: np.ma.masked_array(v, mask=[1, 0, 0, 0, 0, 0]),
    lambda v, g: float(g.normal()),
    lambda v, g: np.empty((0, 3)),
    lambda v, g: np.zeros((6, 0)),
    lambda v, g: np.array([b"1"] * 6),
    lambda v, g: lambda: v,
]
ODD: list[Any] = [
    -1,
    -1.0,
    np.nan,
    np.inf,
    -np.inf,
    "x",
    None,
    [],
    [1.0, 2.0],
    {},
    1e400,
    10**400,
    object(),
    b"",
    True,
    1j,
]
ODD += [np.array([]), np.array([[1.0]]), (0,), 1.5, -0.0, 5e-324, 2**63, datetime.timedelta(1), lambda x: x]
VERBS: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[str, ...]]] = {
    "interpolate": (
        r.interpolate,
        {},
        ("p", "affine", "bias", "minimize", "target", "start", "rtol", "time_limit", "n_jobs"),
    ),
    "approximate": (
        r.approximate,
        {"tolerance": 0.1},
        ("tolerance", "relative", "bounds", "max_neurons", "scale", "between", "shape", "rtol", "time_limit", "n_jobs"),
    ),
    "p_path": (r.p_path, {}, ("width", "rtol", "tie_rtol")),
    "error_path": (r.error_path, {}, ("max_neurons", "tolerance", "scale")),
    "regress": (
        r.regress,
        {"alpha": 0.1, "p": 1.0},
        ("alpha", "p", "max_neurons", "loss", "sample_weight", "time_limit", "n_starts", "start"),
    ),
    "regress_path": (r.regress_path, {}, ("max_neurons", "min_alpha", "sample_weight", "time_limit")),
    "critical_p": (r.critical_p, {}, ()),
}


def bad_arguments(seed: int) -> None:
    """A verb with one argument that is none: a clear refusal, or a result that is finite on the rows."""
    rng = np.random.default_rng(seed)
    name = list(VERBS)[seed % len(VERBS)]
    verb, named, options = VERBS[name]
    x, y, named = X, Y, dict(named)
    which = int(rng.integers(3 if options else 2))
    if which == 0:
        x = SPOIL[int(rng.integers(len(SPOIL)))](X, rng)
    elif which == 1:
        y = SPOIL[int(rng.integers(len(SPOIL)))](Y, rng)
    else:
        named[str(rng.choice(options))] = ODD[int(rng.integers(len(ODD)))]
    try:
        solution = verb(x, y, **named)
        values = solution.predict(np.asarray(x, dtype=float)) if isinstance(solution, r.Solution) else np.zeros(1)
    except Exception as error:
        refused_clearly(error)
        return
    assert np.isfinite(values).all(), "no finite values"
