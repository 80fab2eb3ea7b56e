"""Compiled loops against the same steps and deletions in arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from regression.models import problem_of, sparse_model
from reluctant.regression import gauss_newton, steps
from reluctant.regression.losses import Huber, Logistic, Squared
from reluctant.regression.surgeon import _is_deletable, _Savings, downdate, inverse, regular

cases = st.tuples(
    st.sampled_from([Squared(), Logistic(), Huber(0.5)]), st.integers(0, 5), st.integers(1, 4), st.integers(0, 10**6)
)


@settings(deadline=None, max_examples=60)
@given(case=cases, affine=st.booleans())
def test_quadratic_model_and_objective_are_those_in_arrays(case, affine):
    loss, K, d, seed = case
    problem, model = problem_of(loss, d, 1, seed, affine=affine), sparse_model(K, d, 1, seed)
    unknowns = problem.unknowns(model)
    assert steps.objective(model, problem) == pytest.approx(problem.objective(model), rel=1e-12)
    compiled = steps.quadratic_model(model, unknowns, problem)
    for got, expected in zip(compiled, gauss_newton.quadratic_model(model, unknowns, problem), strict=True):
        assert_allclose(got, expected, rtol=1e-9, atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(case=cases, affine=st.booleans(), live=st.booleans(), n_steps=st.integers(0, 5))
def test_steps_end_where_those_in_arrays_do(case, affine, live, n_steps):
    loss, K, d, seed = case
    problem = problem_of(loss, d, 1, seed, n_rows=30, affine=affine)
    model = sparse_model(K, d, 1, seed, live=live)
    got, value = steps.minimise(model, problem, n_steps)
    expected, least = gauss_newton.minimise(model, problem, n_steps)
    assert value == pytest.approx(least, rel=1e-7)
    assert value == pytest.approx(problem.objective(got), rel=1e-12)
    assert got.size == expected.size


def test_other_problems_are_left_to_the_steps_in_arrays():
    model = sparse_model(3, 2, 1, 0)
    for problem in (problem_of(Squared(), 2, 1, 0, p=0.5), problem_of(Squared(), 2, 1, 0)._replace(constants=False)):
        assert steps.minimise(model, problem, 3)[1] == gauss_newton.minimise(model, problem, 3)[1]


@settings(deadline=None, max_examples=60)
@given(case=cases, n_deleted=st.integers(1, 6))
def test_the_surgeon_keeps_what_its_formula_keeps(case, n_deleted):
    loss, K, d, seed = case
    problem, model = problem_of(loss, d, 1, seed, n_rows=40), sparse_model(K, d, 1, seed, live=True)
    unknowns = problem.unknowns(model)
    free = _is_deletable(model, unknowns)
    C = inverse(regular(gauss_newton.quadratic_model(model, unknowns, problem).hessian, 1e-10))
    theta = unknowns.gather(model)
    kept = steps.surgeon_keeps(model, unknowns, theta, C.copy(), free.copy(), n_deleted)
    expected, saved, left = theta.copy(), _Savings(model, unknowns), n_deleted
    stays = np.ones(unknowns.size, dtype=bool)
    while left > 0 and free.any():
        cost = np.where(free, expected**2 / np.maximum(np.diag(C), 1e-300) / saved.counts, np.inf)
        q = int(np.argmin(cost))
        left -= int(saved.counts[q])
        downdate(C, expected, q)
        gone = saved.delete(q)
        stays[gone] = free[gone] = False
        expected[gone] = 0.0
    assert np.array_equal(kept, stays)
