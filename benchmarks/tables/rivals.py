"""The methods that are compared. Each takes training rows and returns a `Fitted`.

Everybody chooses its settings on the training rows alone. What is tuned, on purpose modestly (the grids cost most of
the time): ridge and logistic regression over 13 and 6 penalties, by leave-one-out and by 3 folds; the MLP over 5
weight decays by 3 folds, trained by at most 300 steps of L-BFGS (at least as good here as Adam with early stopping);
boosting of 100 stages over 3 tree sizes and 2 learning rates on a quarter of the rows; the GAM over 5 smoothing
penalties by its own criterion (at most 25 iterations each, or separable classes take a minute); LassoNet over its path
on a fifth of the rows, λ starting at 1 and growing by a quarter (its own search of the start takes ten times as long).
MARS (`mars.py`) prunes by generalised cross-validation, EBM and APLR stop early on rows of their own; nothing else of
these three is tuned.

What counts as a parameter: every nonzero number that prediction needs. For trees and boosting a split counts 2 (feature
and threshold) and a leaf 1 for each output, children being found by order; for the GAM each coefficient counts 1 and
each spline 2 more for its range; for MARS and APLR a term counts 1 and a threshold in it 1, which is what our neuron of
one input takes; for EBM every score that is not zero and every cut. Standardisation counts nothing, since it can be
folded into weights and thresholds.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import mars
from datasets import Table
from pruned_mlp import Perceptron, prune

HIDDEN = 100
SCORING = {True: "neg_log_loss", False: "neg_mean_squared_error"}  # by whether the target is a class
WEIGHT_DECAYS = (0.1, 1.0, 3.0, 10.0, 30.0)
BOOSTING = {"max_leaf_nodes": (4, 8, 31), "learning_rate": (0.03, 0.1)}
EBM_BAGS = 2
GAM_SPLINES = 10
GAM_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)


@dataclass(frozen=True)
class Fitted:
    """`predict(X)` gives targets (N,) or (N, m), or probabilities (N, C); `weight_decay` is what tuning chose."""

    predict: Callable[[np.ndarray], np.ndarray]
    n_parameters: int
    n_neurons: int | None = None
    weight_decay: float | None = None


@dataclass(frozen=True)
class Settings:
    """What a method is told: its seed, the size to reach, the weight decay that was best for the dense MLP."""

    seed: int
    size: int | None = None
    weight_decay: float | None = None


def prediction(model: Any, classify: bool) -> Callable[[np.ndarray], np.ndarray]:
    return model.predict_proba if classify else model.predict


def inner_folds(train: Table, seed: int) -> Any:
    """Three shuffled folds: some tables come sorted."""
    return (StratifiedKFold if train.classify else KFold)(3, shuffle=True, random_state=seed)


def reluctant(train: Table, settings: Settings) -> Fitted:
    from reluctant import SparseReLUClassifier, SparseReLURegressor

    estimator = SparseReLUClassifier if train.classify else SparseReLURegressor
    model = estimator(random_state=settings.seed).fit(train.X, train.y)
    return Fitted(prediction(model, train.classify), model.n_parameters_, model.n_neurons_)


def linear(train: Table, settings: Settings) -> Fitted:
    if train.classify:
        last: Any = LogisticRegressionCV(
            Cs=np.logspace(-3, 2, 6), cv=inner_folds(train, settings.seed), l1_ratios=(0,), max_iter=1000,
            scoring="neg_log_loss", use_legacy_attributes=False,
        )  # fmt: skip
    else:
        last = RidgeCV(np.logspace(-2, 4, 13))
    model = make_pipeline(StandardScaler(), last).fit(train.X, train.y)
    return Fitted(prediction(model, train.classify), np.count_nonzero(last.coef_) + np.size(last.intercept_))


def mlp_model(train: Table, seed: int, weight_decay: float = 1.0) -> Any:
    settings = {"hidden_layer_sizes": (HIDDEN,), "solver": "lbfgs", "max_iter": 300, "alpha": weight_decay}
    if train.classify:
        return make_pipeline(StandardScaler(), MLPClassifier(random_state=seed, **settings))
    scaled = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed, **settings))
    return TransformedTargetRegressor(scaled, transformer=StandardScaler())


def mlp(train: Table, settings: Settings) -> Fitted:
    alpha = "mlpclassifier__alpha" if train.classify else "regressor__mlpregressor__alpha"
    folds = inner_folds(train, settings.seed)
    search = GridSearchCV(
        mlp_model(train, settings.seed), {alpha: WEIGHT_DECAYS}, cv=folds, scoring=SCORING[train.classify]
    ).fit(train.X, train.y)
    d, m = train.X.shape[1], train.n_outputs
    size = (d + 1) * HIDDEN + (HIDDEN + 1) * m
    return Fitted(prediction(search, train.classify), size, HIDDEN, search.best_params_[alpha])


def pruned_mlp(train: Table, settings: Settings) -> Fitted:
    """The MLP with the weight decay tuned for it, pruned to the given size."""
    model = mlp_model(train, settings.seed, settings.weight_decay).fit(train.X, train.y)
    pipeline = model if train.classify else model.regressor_
    scaler, dense = pipeline[0], pipeline[-1]
    if train.classify:
        Y, link = LabelBinarizer().fit_transform(train.y), dense.out_activation_
    else:
        Y, link = model.transformer_.transform(train.y.reshape(len(train.y), -1)), "identity"
    (W, V), (b, c) = dense.coefs_, dense.intercepts_
    network = prune(Perceptron(W, b, V, c), scaler.transform(train.X), Y, link, settings.weight_decay, settings.size)
    # scikit-learn's own code predicts, with the pruned weights in the place of the dense ones
    dense.coefs_, dense.intercepts_ = [network.W, network.V], [network.b, network.c]
    dense.hidden_layer_sizes = network.W.shape[1]
    return Fitted(prediction(model, train.classify), network.n_parameters, network.W.shape[1])


def boosting(train: Table, settings: Settings) -> Fitted:
    split = (StratifiedShuffleSplit if train.classify else ShuffleSplit)(1, test_size=0.25, random_state=settings.seed)
    kind = HistGradientBoostingClassifier if train.classify else HistGradientBoostingRegressor
    search: Any = GridSearchCV(kind(random_state=settings.seed), BOOSTING, cv=split, scoring=SCORING[train.classify])
    if train.y.ndim > 1:
        search = MultiOutputRegressor(search)
    search.fit(train.X, train.y)
    forests = [one.best_estimator_ for one in getattr(search, "estimators_", [search])]
    leaves = [tree.get_n_leaf_nodes() for forest in forests for stage in forest._predictors for tree in stage]
    return Fitted(prediction(search, train.classify), train.n_outputs + sum(2 * (n - 1) + n for n in leaves))


def tree(train: Table, settings: Settings) -> Fitted:
    """A tree with as many leaves L as the size allows: 2 (L − 1) + m L numbers."""
    m = train.n_outputs - 1 if train.classify and train.n_outputs > 1 else train.n_outputs
    leaves = max(2, (settings.size + 2) // (2 + m))
    kind = DecisionTreeClassifier if train.classify else DecisionTreeRegressor
    model = kind(max_leaf_nodes=leaves, min_samples_leaf=5, random_state=settings.seed).fit(train.X, train.y)
    grown = model.get_n_leaves()
    return Fitted(prediction(model, train.classify), 2 * (grown - 1) + m * grown)


def gam(train: Table, settings: Settings) -> Fitted:
    """Splines for columns of more than six values, lines for the others; one smoothing penalty.

    Inputs are clipped at four standard deviations: with long tails (spam) pygam diverges at every penalty.
    """
    from pygam import LinearGAM, LogisticGAM, l, s

    scaler = StandardScaler().fit(train.X)

    def inputs(X: np.ndarray) -> np.ndarray:
        return np.clip(scaler.transform(X), -4, 4)

    smooth = [len(np.unique(column)) > 6 for column in train.X.T]
    terms = s(0, n_splines=GAM_SPLINES) if smooth[0] else l(0)
    for j in range(1, len(smooth)):
        terms += s(j, n_splines=GAM_SPLINES) if smooth[j] else l(j)
    model = (LogisticGAM if train.classify else LinearGAM)(terms, max_iter=25)
    with redirect_stdout(StringIO()):  # it prints where separable classes keep it from converging
        model.gridsearch(inputs(train.X), train.y, lam=GAM_PENALTIES, progress=False)

    def predict(X: np.ndarray) -> np.ndarray:
        if not train.classify:
            return model.predict(inputs(X))
        positive = model.predict_proba(inputs(X))
        return np.column_stack([1 - positive, positive])

    return Fitted(predict, len(model.coef_) + 2 * sum(smooth))


def lassonet(train: Table, settings: Settings) -> Fitted:
    """The network of LassoNet's path with the least validation loss."""
    import torch
    from lassonet import LassoNetClassifier, LassoNetRegressor

    torch.set_num_threads(1)
    scaler = StandardScaler().fit(train.X)
    rows = train.y.reshape(len(train.y), -1)
    target = None if train.classify else StandardScaler().fit(rows)
    model = (LassoNetClassifier if train.classify else LassoNetRegressor)(
        hidden_dims=(HIDDEN,), lambda_start=1.0, path_multiplier=1.25, n_iters=(500, 30), val_size=0.2, verbose=0,
        random_state=settings.seed, torch_seed=settings.seed,
    )  # fmt: skip
    y = train.y if target is None else target.transform(rows)
    path = model.path(scaler.transform(train.X), y, return_state_dicts=True, disable_lambda_warning=True)
    model.load(min(path, key=lambda step: step.val_loss).state_dict)

    def predict(X: np.ndarray) -> np.ndarray:
        if target is None:
            return model.predict_proba(scaler.transform(X))
        return target.inverse_transform(model.predict(scaler.transform(X)).reshape(len(X), -1))

    size = sum(int(torch.count_nonzero(weight)) for weight in model.model.state_dict().values())
    return Fitted(predict, size, HIDDEN)


def earth(train: Table, settings: Settings, degree: int) -> Fitted:
    """MARS with products of up to `degree` hinges, by R's earth."""
    classes = np.unique(train.y) if train.classify else None
    rows = train.y.reshape(len(train.y), -1).astype(float)
    if classes is not None:
        rows = train.y[:, None] == classes if len(classes) > 2 else train.y[:, None] == classes[1:]
    model = mars.fit(train.X, rows.astype(float), degree, train.classify)

    def predict(X: np.ndarray) -> np.ndarray:
        outputs = model.predict(X)
        if classes is None:
            return outputs if train.y.ndim > 1 else outputs[:, 0]
        positive = expit(outputs)
        if len(classes) == 2:
            return np.column_stack([1 - positive, positive])
        return positive / positive.sum(axis=1, keepdims=True)

    return Fitted(predict, model.n_parameters, model.n_hinges)


def ebm(train: Table, settings: Settings) -> Fitted:
    """The explainable boosting machine, pairs included, of two bags: the default of 14 takes 7 times as long."""
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingClassifier if train.classify else ExplainableBoostingRegressor
    model = kind(random_state=settings.seed, n_jobs=1, outer_bags=EBM_BAGS).fit(train.X, train.y)
    cuts = sum(len(np.atleast_1d(levels[0])) for levels in model.bins_ if len(levels))
    scores = sum(int(np.count_nonzero(scores)) for scores in model.term_scores_)
    return Fitted(prediction(model, train.classify), scores + cuts + np.size(model.intercept_))


def aplr(train: Table, settings: Settings) -> Fitted:
    """Automatic piecewise-linear regression: boosted hinges and indicators of them, with its defaults."""
    from aplr import APLRClassifier, APLRRegressor

    if train.classify:
        names = [str(label) for label in train.y]
        model: Any = APLRClassifier(random_state=settings.seed, n_jobs=1)
        model.fit(train.X, names)
        order = np.argsort([int(label) for label in model.get_categories()])
        logits = [model.get_logit_model(label) for label in model.get_categories()]
        if len(logits) == 2:
            logits = logits[:1]
        size = sum(map(aplr_size, logits))
        return Fitted(lambda X: np.asarray(model.predict_class_probabilities(X))[:, order], size)
    model = APLRRegressor(random_state=settings.seed, n_jobs=1)
    model.fit(train.X, train.y)
    return Fitted(lambda X: np.asarray(model.predict(X)), aplr_size(model))


def aplr_size(model: Any) -> int:
    """A coefficient a term, and a threshold for each hinge or indicator in it."""
    return sum(1 + name.count("max(") + name.count("min(") for name in model.get_term_names())


METHODS: dict[str, Callable[[Table, Settings], Fitted]] = {
    "reluctant": reluctant,
    "linear": linear,
    "earth 1": partial(earth, degree=1),
    "earth 2": partial(earth, degree=2),
    "MLP": mlp,
    "pruned MLP": pruned_mlp,
    "boosting": boosting,
    "tree": tree,
    "pygam": gam,
    "LassoNet": lassonet,
    "EBM": ebm,
    "APLR": aplr,
}
PACKAGES = {"pygam": "pygam", "EBM": "interpret", "APLR": "aplr"}  # of rivals with one output
NEEDS_SIZE = frozenset({"pruned MLP", "tree"})


def applicable(methods: Sequence[str], table: Table, size: int | None) -> list[str]:
    """Those of the methods that can run here: pruning wants a size and an MLP, others a package or one output."""
    sized = "reluctant" in methods or size is not None
    return [
        method
        for method in METHODS
        if method in methods
        and why_left_out(method, table) is None
        and (method not in NEEDS_SIZE or sized)
        and (method != "pruned MLP" or "MLP" in methods)
    ]


def why_left_out(method: str, table: Table) -> str | None:
    """Why a rival cannot take this table here, or None."""
    if method.startswith("earth"):
        return mars.why_not()
    package = PACKAGES.get(method)
    if package is None:
        return None
    if table.y.ndim > 1:
        return "it takes one target alone"
    if method == "pygam" and table.n_outputs > 1:
        return "it takes two classes alone"
    return None if importlib.util.find_spec(package) is not None else f"{package} is not installed"
