"""Mean loss plus α times the ℓp path norm: majorise and minimise while ε falls, then delete and grow while it pays."""

from __future__ import annotations

import sys
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from joblib import delayed
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from reluctant.arrays import Array
from reluctant.effort import Clock, Effort
from reluctant.regression.deletions import REGULAR
from reluctant.regression.gauss_newton import Problem, minimise, quadratic_model, regular, summed_loss
from reluctant.regression.model import Model, Rows, Unknowns
from reluctant.regression.penalties import PathPower, Ridge
from reluctant.regression.protocol import SMOOTHING, Loss
from reluctant.regression.starts import affine_fit, forward, grown, slope_columns
from reluctant.workers import parallel

EPSILONS = np.geomspace(0.3, 1e-5, 12)
"""ε of the majorised |t|^p ≈ (t² + ε²)^{p/2}, in standardised units; the last also counts as zero for the polish."""
STAGE_STEPS, POLISH_STEPS, TRIAL_STEPS = 4, 40, 6
START_RIDGE = 1e-3
MOST_NEURONS, ROWS_PER_NEURON = 40, 2
REFUSALS = 6
"""Deletions in a row that do not pay before the rest is given up."""
ROUNDS = 6
"""Times that two hinges are added and fitted, if no time limit asks for less."""
EXACT = 1e-9
"""Largest residuals below this, in standardised units, are none."""
SAME_KINK, ROUNDING = 1e-3, 1e-7
"""Hinges whose entries differ by no larger share of themselves may be one; objectives that do are equal."""
SLIGHT, SLIGHT_CLASSES = 1e-10, 1e-4
"""Ridge on the affine part, which has no other penalty, relative to the weight of all rows; without one, separable
classes would have no minimiser."""


COARSE, LEVELS = 0.5, tuple(np.geomspace(0.3, 3e-4, 8).tolist())
"""Smoothings, as shares of its value, of a loss that is no sum over rows: while zeros are looked for and hinges added,
when many rows should have a say, and those that it falls through on the support that is left. A step changes the loss
by about its smoothing."""


class Penalised(NamedTuple):
    """The problem Σ_i weight_i loss_i + Σ_k ‖v_k‖_p^p Σ_j a_j |u_kj|^p, biases last and counted by a_{d+1}.

    `lines` is that of `Problem`.
    """

    rows: Rows
    loss: Loss
    coefficients: Array
    p: float
    affine: bool
    lines: Array | None = None

    def objective(self, model: Model) -> float:
        """The objective, not smoothed."""
        penalty = PathPower(self.coefficients, self.p, 0.0, affine=self.slight)
        return summed_loss(model, self.rows, self.loss) + penalty.value(model)

    @property
    def slight(self) -> float:
        """Weight of ½ ‖A‖²."""
        share = SLIGHT_CLASSES if self.loss.for_classes else SLIGHT
        return share * self.rows.total_weight

    @property
    def levels(self) -> tuple[float, ...]:
        """Shares of the loss by which it is smoothed in turn; one where the smoothing is fixed."""
        return LEVELS[-1:] if self.loss.sums_rows else LEVELS

    def smoothing(self, model: Model, share: float) -> float:
        """The smoothing of the loss at a model: fixed for sums over rows, else a share of the loss there."""
        if self.loss.sums_rows:
            return SMOOTHING
        return share * max(summed_loss(model, self.rows, self.loss) / self.rows.total_weight, EXACT)

    def smoothed(self, epsilon: float, smoothing: float = SMOOTHING) -> Problem:
        """The problem whose steps are Gauss-Newton's; zeros stay zero in it."""
        penalty = PathPower(self.coefficients, self.p, epsilon, affine=self.slight)
        return Problem(
            self.rows, self.loss, penalty, self.affine, constants=False, lines=self.lines, smoothing=smoothing
        )


@dataclass(frozen=True)
class Candidate:
    """A model and its objective."""

    model: Model
    objective: float

    @classmethod
    def of(cls, model: Model, problem: Penalised) -> Candidate:
        """Evaluate a model."""
        return cls(model, problem.objective(model))


def minimise_penalised(
    problem: Penalised, start: Model | None, effort: Effort, clock: Clock, n_starts: int = 1
) -> Model:
    """The best of some local searches by steps, deletions and new hinges. Nothing is proved about it.

    No search but the first begins when the time is over. Without a limit the number of jobs decides nothing.
    """
    rng = effort.rng()
    sources = [rng, *rng.spawn(n_starts - 1)] if n_starts > 1 else [rng]
    n_jobs = min(effort.n_jobs, len(sources))
    if n_jobs == 1:
        ended = [_search(problem, source, start, k, clock, effort.verbose) for k, source in enumerate(sources)]
    else:
        ended = _in_parallel(problem, sources, start, clock, n_jobs, effort.verbose)
    found = [search for search in ended if search is not None]
    if not found:  # an interrupt before any process had a model: the first one known here
        found = [_Ended(0, _least(_first(problem, rng, start, clock)))]
    return min(found, key=lambda e: (e.best.objective, e.number)).best.model.trimmed()


def _least(candidates: list[Candidate]) -> Candidate:
    return min(candidates, key=lambda c: c.objective)


class _Ended(NamedTuple):
    """What a search found."""

    number: int
    best: Candidate


def _in_parallel(
    problem: Penalised,
    sources: list[np.random.Generator],
    start: Model | None,
    clock: Clock,
    n_jobs: int,
    verbose: bool,
) -> list[_Ended | None]:
    """Searches in other processes; after an interrupt each comes back with its best so far."""
    ended: list[_Ended | None] = []
    try:
        with clock.shared(), parallel(n_jobs, return_as="generator_unordered", batch_size=1) as computed:
            searches = (delayed(_search)(problem, source, start, k, clock, verbose) for k, source in enumerate(sources))
            ended.extend(computed(searches))
    except BrokenExecutor:
        if not clock.interrupted:
            raise  # else a process that had nothing to do yet was ended by the interrupt
    return ended


def _search(
    problem: Penalised, rng: np.random.Generator, start: Model | None, number: int, clock: Clock, verbose: bool
) -> _Ended | None:
    """One search, in one thread; None where it is not the first and there is no time left."""
    if number > 0 and clock.expired():
        return None
    with clock.listening(), threadpool_limits(limits=1, user_api="blas"):
        best = _shortened(_least(_first(problem, rng, start, clock)), problem, clock)
        for i in range(ROUNDS):
            if verbose:
                mean = best.objective / problem.rows.total_weight
                print(
                    f"round {i}: {best.model.n_neurons} neurons, objective {mean:.6g} in standard units",
                    file=sys.stderr,
                )
            if clock.expired():
                break
            larger = grown(best.model, _growing(problem, best.model), problem.rows, rng)
            if larger is None:
                continue
            trial = _shortened(_annealed(larger, problem, EPSILONS[len(EPSILONS) // 3 :], clock), problem, clock)
            if trial.objective < best.objective:
                best = trial
        return _Ended(number, _joined(best, problem, clock))


def _first(problem: Penalised, rng: np.random.Generator, start: Model | None, clock: Clock) -> list[Candidate]:
    """Where a search begins: from a wide network, the start, the affine fit and, for an early interrupt, zero."""
    first = [_annealed(_wide(problem, rng, clock), problem, EPSILONS, clock)]
    if start is not None:
        first.append(_annealed(start, problem, EPSILONS[len(EPSILONS) // 2 :], clock))
        first.append(Candidate.of(start, problem))
    first.append(_annealed(_without_neurons(first[0].model), problem, EPSILONS[-1:], clock))
    first.append(Candidate.of(Model.zero(problem.rows.n_inputs, problem.rows.n_outputs), problem))
    return first


def _growing(problem: Penalised, model: Model) -> Problem:
    """The problem to which hinges are added."""
    return problem.smoothed(float(EPSILONS[0]), problem.smoothing(model, COARSE))


def _joined(best: Candidate, problem: Penalised, clock: Clock) -> Candidate:
    """Nearly parallel hinges added up and fitted again where that does not cost; for p = 1 a split costs nothing."""
    merged = Model.from_network(best.model.to_network().merged(SAME_KINK, affine=False))
    if merged.n_neurons == best.model.n_neurons:
        return best
    trial = _polished(merged, problem, clock)
    return trial if trial.objective <= (1.0 + ROUNDING) * best.objective else best


def _wide(problem: Penalised, rng: np.random.Generator, clock: Clock) -> Model:
    """A network grown under a small ridge, with more neurons than the penalty will leave."""
    strength = START_RIDGE * problem.rows.total_weight
    penalty = Ridge(strength, problem.slight, problem.slight)
    smoothing = problem.smoothing(Model.zero(problem.rows.n_inputs, problem.rows.n_outputs), COARSE)
    ridge = Problem(problem.rows, problem.loss, penalty, problem.affine, lines=problem.lines, smoothing=smoothing)
    n_neurons = min(MOST_NEURONS, max(1, len(problem.rows) // ROWS_PER_NEURON))
    affine = affine_fit(ridge, slope_columns(problem.rows), clock)
    return forward(affine, ridge, problem.rows, n_neurons, rng, clock)


def _without_neurons(model: Model) -> Model:
    return model.take(np.zeros(model.n_neurons, dtype=bool))


def _annealed(model: Model, problem: Penalised, epsilons: Array, clock: Clock) -> Candidate:
    """Follow the smoothed objective as ε falls; what drops below ε becomes zero where that does not cost."""
    for epsilon in epsilons:
        if clock.expired():
            break
        stage = problem.smoothed(float(epsilon), problem.smoothing(model, COARSE))
        model, _ = minimise(model, stage, STAGE_STEPS, stop=clock.expired)
        model = _zeroed(model, problem, float(epsilon))
    return _polished(model, problem, clock)


def _zeroed(model: Model, problem: Penalised, epsilon: float) -> Model:
    """Set what is below ε to zero, or the smaller half of it, or a quarter, if the objective does not rise."""
    value = problem.objective(model)
    small = np.sort(np.abs(np.concatenate([model.U.ravel(), model.V.ravel() if model.n_outputs > 1 else []])))
    small = small[(small > 0.0) & (small <= epsilon)]
    for share in (1.0, 0.5, 0.25):
        n_zeroed = int(np.ceil(share * small.size))
        if n_zeroed == 0:
            break
        trial = _cut(model, small[n_zeroed - 1])
        if problem.objective(trial) <= value:
            return trial
    return model


def _cut(model: Model, level: float) -> Model:
    """Without weights up to a level, and without the neurons that then lead nowhere."""
    U = np.where(np.abs(model.U) <= level, 0.0, model.U)
    V = np.where(np.abs(model.V) <= level, 0.0, model.V) if model.n_outputs > 1 else model.V
    alive = np.any(U != 0.0, axis=1) & np.any(V != 0.0, axis=1)
    return Model(U[alive], V[alive], model.A)


def _settled(model: Model, problem: Penalised, max_steps: int, rtol: float, clock: Clock) -> Model:
    """Steps with an ε far below every weight that is left, the loss smoothed less and less."""
    for share in problem.levels:
        last = problem.smoothed(1e-2 * float(EPSILONS[-1]), problem.smoothing(model, share))
        model, _ = minimise(model, last, max_steps, rtol=rtol, stop=clock.expired)
    return model


def _polished(model: Model, problem: Penalised, clock: Clock) -> Candidate:
    """Converge on the support with the last ε, far below every weight that is left."""
    model = _cut(model, float(EPSILONS[-1]))
    model = _settled(model, problem, POLISH_STEPS, 1e-9, clock)
    return Candidate.of(_cut(model, float(EPSILONS[-1])), problem)


def _shortened(best: Candidate, problem: Penalised, clock: Clock) -> Candidate:
    """Delete single weights, those first that the surgeon expects to gain most, while the objective falls."""
    refused: set[tuple[int, int]] = set()
    refusals = 0
    while refusals < REFUSALS and not clock.expired():
        unknowns = problem.smoothed(1e-3).unknowns(best.model)
        order = [q for q in _by_expected_gain(best.model, unknowns, problem) if _name(unknowns, q) not in refused]
        if not order or clock.expired():
            break
        trial = _without(best.model, unknowns, order[0], problem, clock)
        if trial.objective < best.objective:
            if trial.model.n_neurons < best.model.n_neurons:
                refused.clear()
            best, refusals = trial, 0
        else:
            refused.add(_name(unknowns, order[0]))
            refusals += 1
    return best


def _by_expected_gain(model: Model, unknowns: Unknowns, problem: Penalised) -> list[int]:
    """Hinge unknowns ordered by the surgeon's cost ½ θ² / C_qq less the penalty that goes."""
    n_hinge = unknowns.neuron.size + unknowns.out_neuron.size
    if n_hinge == 0:
        return []
    smoothed = problem.smoothed(1e-3, problem.smoothing(model, COARSE))
    hessian = quadratic_model(model, unknowns, smoothed).hessian
    C = np.linalg.inv(regular(hessian, REGULAR))
    theta = unknowns.gather(model)
    norm = PathPower(problem.coefficients, problem.p, 0.0)
    saved = theta**2 * _norm_weights(norm, model, unknowns) / problem.p
    cost = (0.5 * theta**2 / np.maximum(np.diag(C), 1e-300) - saved)[:n_hinge]
    return [int(q) for q in np.argsort(cost, kind="stable")]


def _norm_weights(norm: PathPower, model: Model, unknowns: Unknowns) -> Array:
    """Weights p a |θ|^{p − 2} times the other factor of the neuron, for unknowns that are not zero."""
    theta = unknowns.gather(model)
    least = 1e-12 * max(float(np.abs(theta).max(initial=0.0)), 1e-300)
    return replace(norm, epsilon=least).weights(model, unknowns)


def _without(model: Model, unknowns: Unknowns, q: int, problem: Penalised, clock: Clock) -> Candidate:
    theta = unknowns.gather(model)
    theta[q] = 0.0
    trial = _cut(unknowns.scatter(model, theta), 0.0)
    trial = _settled(trial, problem, TRIAL_STEPS, 1e-7, clock)
    return Candidate.of(_cut(trial, float(EPSILONS[-1])), problem)


def _name(unknowns: Unknowns, q: int) -> tuple[int, int]:
    """Neuron and coordinate of an unknown; outputs count down from −1."""
    if q < unknowns.neuron.size:
        return int(unknowns.neuron[q]), int(unknowns.coordinate[q])
    q -= unknowns.neuron.size
    return int(unknowns.out_neuron[q]), -1 - int(unknowns.output[q])
