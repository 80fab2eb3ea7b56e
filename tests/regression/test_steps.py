"""Compiled loops against the same steps and deletions in arrays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from regression.models import problem_of, sparse_model
from reluctant.regression import deletions, gauss_newton, steps
from reluctant.regression.losses import Huber, Logistic, Squared

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
@given(case=cases, affine=st.booleans(), n_deleted=st.integers(1, 6))
def test_deletions_leave_what_those_in_arrays_leave(case, affine, n_deleted):
    loss, K, d, seed = case
    problem = problem_of(loss, d, 1, seed, n_rows=40, affine=affine)
    model = sparse_model(K, d, 1, seed, live=True)
    got = steps.without_cheapest(model, problem, n_deleted)
    expected = deletions.without_cheapest(model, problem, n_deleted)
    if expected is None:
        assert got is None
        return
    assert got.objective == pytest.approx(problem.objective(expected), rel=1e-9)
    assert_allclose(got.model.U, expected.U[expected.U.any(axis=1)], rtol=1e-6, atol=1e-9)
    assert_allclose(got.model.A, expected.A, rtol=1e-6, atol=1e-9)
