"""Open links: their envelope against evaluation on a grid, and what may stand for them against sampled lines."""

import numpy as np
import pytest

from reluctant.univariate._open_links import DEBT, MU, ROWS, A, G, M, P, S, V, _excess, lower_envelope, thin


def links_of(rng, n, near=1.0):
    links = np.zeros((ROWS, n))
    links[MU], links[V], links[M] = rng.uniform(0, 1, n), near * rng.normal(size=n), near * rng.normal(size=n)
    links[P], links[S] = np.exp(near * rng.normal(size=n)), np.exp(near * rng.normal(size=n))
    links[A], links[G] = 1 / links[P], near * rng.normal(size=n)
    return links


def cost(links, k, v, m):
    apart = v - links[V, k]
    slope = m - links[M, k] - links[G, k] * apart
    return links[MU, k] + 0.5 * (apart**2 / links[P, k] + slope**2 / links[S, k])


def owners_of(links, cut, ends, meeting_cut):
    n = links.shape[1]
    room = np.empty(n), np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64)
    count, _ = lower_envelope(links, np.zeros(n, np.int64), n, 0, cut, ends, meeting_cut, *room)
    return set(room[-1][:count].tolist())


@pytest.mark.parametrize("n_tables", [10, pytest.param(40, marks=pytest.mark.slow)])
def test_links_that_are_least_on_a_grid_are_in_the_envelope_and_no_others(n_tables):
    rng = np.random.default_rng(0)
    for _ in range(n_tables):
        n = int(rng.integers(1, 40))
        links, cut = links_of(rng, n), rng.uniform(0.3, 3)
        v = np.linspace(-12, 12, 20001)
        q = links[MU][:, None] + 0.5 * links[A][:, None] * (v - links[V][:, None]) ** 2
        ends = np.stack([rng.uniform(0, 0.5, 4), rng.normal(size=4), np.exp(rng.normal(size=4))])
        coming = np.min(ends[0] + 0.5 * ends[2] * (v[:, None] - ends[1]) ** 2, axis=1)
        for rest, table, limit in ((0 * v, np.empty((3, 0)), 0.0), (coming, ends, cut + 0.3)):
            good = (q.min(axis=0) < cut) & (q.min(axis=0) + rest <= (limit if table.size else np.inf))
            least = np.partition(q, min(1, n - 1), axis=0)
            clear = good & ((n == 1) | (least[min(1, n - 1)] > least[0] + 1e-6))
            assert set(np.argmin(q, axis=0)[clear].tolist()) <= owners_of(links, cut, table, limit)
        for k in owners_of(links, cut, np.empty((3, 0)), 0.0):
            assert links[MU, k] < cut


def test_the_excess_bounds_the_difference_for_all_lines_up_to_the_cut():
    rng = np.random.default_rng(1)
    close = 0
    for _ in range(300):
        links, cut = links_of(rng, 2, rng.choice([0.01, 0.3, 1.0])), rng.uniform(1, 3)
        angle, radius = rng.uniform(0, 2 * np.pi, 400), np.sqrt(2 * (cut - links[MU, 0])) * np.sqrt(rng.random(400))
        v = links[V, 0] + np.sqrt(links[P, 0]) * radius * np.cos(angle)
        m = links[M, 0] + links[G, 0] * (v - links[V, 0]) + np.sqrt(links[S, 0]) * radius * np.sin(angle)
        largest, bound = np.max(cost(links, 1, v, m) - cost(links, 0, v, m)), _excess(links, 0, 1, cut)
        assert largest <= bound + 1e-9 * abs(bound)
        close += largest > bound - 0.1
    assert close > 50


def test_thinned_links_cost_no_more_for_any_line_up_to_the_cut_and_no_more_than_the_debt_less():
    rng = np.random.default_rng(2)
    dropped = 0
    for _ in range(60):
        before, cut, debt = links_of(rng, 30, 0.02), 2.0, 0.8
        after = before.copy()
        n = thin(after, np.zeros(30, np.int64), np.zeros(30, np.int64), 30, cut, debt, 16)
        assert np.all(after[DEBT, :n] <= debt)
        for k in range(30):
            v = before[V, k] + np.sqrt(before[P, k]) * rng.normal(size=50)
            m = before[M, k] + before[G, k] * (v - before[V, k]) + np.sqrt(before[S, k]) * rng.normal(size=50)
            full = np.min([cost(before, j, v, m) for j in range(30)], axis=0)
            least = np.min([cost(after, j, v, m) for j in range(n)], axis=0)
            counts = cost(before, k, v, m) <= cut
            assert np.all(least[counts] <= cost(before, k, v, m)[counts] + 1e-9)
            assert np.all(least >= full - debt - 1e-9)
        dropped += 30 - n
    assert dropped > 100
