"""How often training ends at a proved minimum: p, step sizes, batches, consolidation and metrics on small tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from reluctant.experiments.page import Page, legend_below, new_figure, plain_ticks
from reluctant.experiments.peak_plateau import X, Y
from reluctant.model.network import ReLUNetwork
from reluctant.nn.batched import train_restarts
from reluctant.nn.extraction import to_network
from reluctant.nn.proximal import ReweightedL1
from reluctant.nn.settings import Recording, Schedule, Shrinkage
from reluctant.report.style import COLOURS
from reluctant.solve import interpolate

ALPHAS = (3e-4, 1e-3, 3e-3, 1e-2)
N_NEURONS = 80
MET = 1e-3
"""Largest root mean square error of a network that meets the rows, in standard deviations of the labels."""
PEAK = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 0.0])


class Table(NamedTuple):
    """Rows, and the fewest neurons of a network through them, which are proved."""

    name: str
    y: NDArray
    fewest: int


@dataclass(frozen=True)
class Setting:
    """How a run is trained; every table of the page changes one of these."""

    p: float = 0.5
    learning_rate: float = 0.01
    batch_size: int | None = None
    shrinkage: Shrinkage = field(default_factory=Shrinkage)
    schedule: Schedule = field(default_factory=Schedule)
    is_sgd: bool = False


BASE = Setting()
PS = (0.0, 0.25, 0.5, 0.75, 1.0)
ADAM_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
SGD_RATES = (0.03, 0.1, 0.3)
PLAIN = Shrinkage(metric="plain")
APART = replace(Schedule(), consolidate=None)
STEPS = {
    "the paper's step: plain metric, constant α and rate": replace(BASE, shrinkage=PLAIN, schedule=Schedule.constant()),
    "plain metric, α grows, zeros fixed": replace(BASE, shrinkage=PLAIN, schedule=APART),
    "plain metric, and neurons consolidated": replace(BASE, shrinkage=PLAIN),
    "the optimiser's metric, constant α and rate": replace(BASE, schedule=Schedule.constant()),
    "the optimiser's metric, α grows, zeros fixed": replace(BASE, schedule=APART),
    "the optimiser's metric, and neurons consolidated": BASE,
}


class Ends(NamedTuple):
    """Shares of runs, at the α that is best for the table: that meet the rows, and with the fewest neurons."""

    met: float
    fewest: float


def run(out: Path, *, quick: bool = False, say: Callable[[str], None] = print) -> Path:
    """Train in every setting and write the page."""
    steps, seeds, sgd_seeds, n_random = (500, 2, 1, 1) if quick else (10_000, 10, 2, 3)
    chosen = tables(n_random)

    def trained(what: str, settings: dict[str, Setting]) -> list[list[Ends]]:
        found = []
        for label, setting in settings.items():
            say(f"{what}: {label}")
            n_seeds = sgd_seeds if setting.is_sgd else seeds
            found.append([ends(networks_of(table.y, setting, steps, n_seeds), table) for table in chosen])
        return found

    by_p = {f"p = {p:g}": replace(BASE, p=p) for p in PS}
    by_rate = {f"Adam, {rate:g}": replace(BASE, learning_rate=rate) for rate in ADAM_RATES}
    by_sgd = {f"SGD, {rate:g}": replace(BASE, learning_rate=rate, is_sgd=True) for rate in SGD_RATES}
    by_batch = {f"{n} row{'s' * (n > 1)}": replace(BASE, batch_size=n) for n in (6, 3, 1)}
    page = Page("sgd-and-adam", "How often training ends at the minimum", out)
    page.text(
        f"Six points on the line, x = −2, …, 3; {N_NEURONS} neurons, no affine part, {steps:,} steps, {seeds} seeds "
        f"from 0 ({sgd_seeds} for SGD). The fewest neurons that pass through the rows are proved by "
        "`interpolate(x, y, p=0, affine=False)`: "
        + ", ".join(f"{table.name} {table.fewest}" for table in chosen)
        + ". Random labels are "
        "uniform in [−1, 1], of the first seeds whose fewest neurons are proved."
    )
    page.text(
        "Unless a table says otherwise: Adam, step size 0.01, all rows in a batch, p = ½, the proximal step in the "
        "optimiser's metric, α grown from zero, neurons that the data do not tell apart consolidated, zeros fixed for "
        f"the last 40 %. Of α = {', '.join(f'{alpha:g}' for alpha in ALPHAS)} each cell has the one that is best for "
        "its table. A cell says in how many percent of the runs the network ends with the fewest neurons and meets the "
        f"rows, to {MET:g} standard deviations of the labels; in brackets, in how many it meets the rows at all. "
        "Where that is 0, so many steps of this size are too short or too long to say anything about the minimum. The "
        "best α of each cell is chosen on the runs shown, which flatters all of them alike."
    )
    if quick:
        page.text("**Quick version: fewer steps, seeds and tables.**")
    parts = (("p", by_p), ("step size", by_rate | by_sgd), ("batch, equal numbers of steps", by_batch), ("step", STEPS))
    shares = {}
    for what, settings in parts:
        shares[what] = trained(what, settings)
        page.text(f"## {what[0].upper()}{what[1:]}" if what != "p" else "## The exponent p")
        rows = [[label, *(_cell(end) for end in row), _cell(_mean(row))] for label, row in zip(settings, shares[what])]
        page.table(what, [what, *(table.name for table in chosen), "mean"], rows)
    caption = "Shares of runs, means over the tables."
    page.figure("shares", _figure(shares["p"], shares["step size"]), caption)
    return page.write()


def tables(n_random: int) -> list[Table]:
    """Peak, peak and plateau, and random labels, with what is proved of them."""
    labels = [("peak", PEAK), ("peak and plateau", Y)]
    labels += [(f"random {seed}", np.random.default_rng(seed).uniform(-1, 1, len(X))) for seed in range(20)]
    proved: list[Table] = []
    for name, y in labels:
        exact = interpolate(X, y, p=0, affine=False)
        if exact.is_optimal and len(proved) < 2 + n_random:
            proved.append(Table(name, y, exact.n_neurons))
    return proved


def networks_of(y: NDArray, setting: Setting, n_steps: int, seeds: int) -> list[list[ReLUNetwork]]:
    """The networks that training ends at, for every α those of all seeds."""
    if setting.is_sgd:
        return [[sgd(y, setting, alpha, n_steps, seed) for seed in range(seeds)] for alpha in ALPHAS]
    runs = train_restarts(
        X,
        y,
        n_neurons=N_NEURONS,
        alpha=ALPHAS,
        p=setting.p,
        restarts=seeds,
        epochs=n_steps // (1 if setting.batch_size is None else len(X) // setting.batch_size),
        batch_size=setting.batch_size,
        learning_rate=setting.learning_rate,
        shrinkage=setting.shrinkage,
        schedule=setting.schedule,
        recording=Recording(every=n_steps),
    )
    return [runs.networks[i * seeds : (i + 1) * seeds] for i in range(len(ALPHAS))]


def sgd(y: NDArray, setting: Setting, alpha: float, n_steps: int, seed: int) -> ReLUNetwork:
    """One run of plain gradient descent on all rows, on the same schedule."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Linear(1, N_NEURONS), nn.ReLU(), nn.Linear(N_NEURONS, 1, bias=False))
    inputs = torch.as_tensor(X[:, None], dtype=torch.float32)
    targets = torch.as_tensor(y[:, None], dtype=torch.float32)
    rule = torch.optim.SGD(module.parameters(), lr=setting.learning_rate)
    optimizer = ReweightedL1(rule, module, p=setting.p, alpha=alpha, freeze_output=True)
    joins = setting.schedule.joining_epoch(n_steps)
    for step in range(n_steps):
        rule.param_groups[0]["lr"] = setting.learning_rate * setting.schedule.rate(step / n_steps)
        optimizer.alpha = alpha * setting.schedule.alpha(step / n_steps)
        if setting.schedule.fits(step / n_steps):
            optimizer.freeze()
        if step == joins:
            optimizer.consolidate(inputs)
        if step % 50 == 0:
            optimizer.remove_dead()
        optimizer.zero_grad()
        nn.functional.mse_loss(optimizer.module(inputs), targets).backward()
        try:
            optimizer.step()
        except FloatingPointError:  # it diverges; what it has is not near the rows
            break
    return to_network(optimizer.module)


def ends(networks: Sequence[Sequence[ReLUNetwork]], table: Table) -> Ends:
    """Shares of the runs of the best α."""
    found = []
    for of_alpha in networks:
        met = np.array([np.sqrt(np.mean((f(X) - table.y) ** 2)) <= MET * table.y.std() for f in of_alpha])
        fewest = np.array([f.n_neurons <= table.fewest for f in of_alpha])
        found.append(Ends(float(met.mean()), float((met & fewest).mean())))
    return max(found, key=lambda end: (end.fewest, end.met))


def _mean(row: list[Ends]) -> Ends:
    return Ends(*np.mean(row, axis=0))


def _cell(end: Ends) -> str:
    return f"{100 * end.fewest:.0f} ({100 * end.met:.0f})"


def _figure(by_p: list[list[Ends]], by_rate: list[list[Ends]]) -> Any:
    """Shares against p, and against the step size for Adam and SGD."""
    figure, axes = new_figure(1, 2, size=(8.6, 3.9), share=False)
    adam, sgd_ends = by_rate[: len(ADAM_RATES)], by_rate[len(ADAM_RATES) :]
    left, right = axes[0]
    for panel, x, rows, name, colour in (
        (left, PS, by_p, "Adam", COLOURS[0]),
        (right, ADAM_RATES, adam, "Adam", COLOURS[0]),
        (right, SGD_RATES, sgd_ends, "SGD", COLOURS[1]),
    ):
        met, fewest = 100 * np.array([_mean(row) for row in rows]).T
        panel.plot(x, fewest, "o-", color=colour, label=f"{name}: fewest neurons, rows met")
        panel.plot(x, met, "o--", color=colour, markerfacecolor="white", label=f"{name}: rows met")
        panel.set_ylim(-3, 103)
    left.set(xlabel="p", ylabel="% of runs")
    right.set(xlabel="step size", xscale="log")
    plain_ticks(right.xaxis, (0.001, 0.01, 0.1))
    legend_below(figure, right)
    return figure
