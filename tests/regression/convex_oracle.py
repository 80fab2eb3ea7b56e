"""The least mean ½ r² + α Σ‖u_k‖_1 + 0 · affine part, by one quadratic program over every activation pattern."""

import highspy
import numpy as np
from scipy import sparse

from patterns import enumerate_patterns
from reluctant.multivariate.points import homogeneous


def least_objective(X, y, alpha):
    """Columns: positive and negative part of u for each sign and pattern, the affine part, the residuals."""
    inputs = homogeneous(X)
    patterns = enumerate_patterns(X)[0]
    patterns = patterns[patterns.any(axis=1)]
    N, n = inputs.shape
    halves = [sign * on[:, None] * inputs for sign in (1.0, -1.0) for on in patterns]
    cones = [(2.0 * on - 1.0)[:, None] * inputs for _ in range(2) for on in patterns]
    split = [np.hstack([part, -part]) for part in halves]
    data = sparse.hstack([np.hstack(split), inputs, -sparse.eye(N)])
    signs = sparse.block_diag([np.hstack([part, -part]) for part in cones])
    signs = sparse.hstack([signs, sparse.csr_matrix((signs.shape[0], n + N))])
    rows = sparse.vstack([data, signs]).tocsr()
    n_hinge = 2 * n * len(halves)

    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = rows.shape
    lp.col_cost_ = np.where(np.arange(lp.num_col_) < n_hinge, alpha, 0.0)
    lp.col_lower_ = np.where(np.arange(lp.num_col_) < n_hinge, 0.0, -highspy.kHighsInf)
    lp.col_upper_ = np.full(lp.num_col_, highspy.kHighsInf)
    lp.row_lower_ = np.append(y, np.zeros(lp.num_row_ - N))
    lp.row_upper_ = np.append(y, np.full(lp.num_row_ - N, highspy.kHighsInf))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    squares = highspy.HighsHessian()
    squares.dim_, squares.format_ = lp.num_col_, highspy.HessianFormat.kTriangular
    squares.start_ = np.append(np.zeros(lp.num_col_ - N), np.arange(N + 1)).astype(np.int32)
    squares.index_ = np.arange(lp.num_col_ - N, lp.num_col_, dtype=np.int32)
    squares.value_ = np.full(N, 1.0 / N)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.passModel(lp)
    solver.passHessian(squares)
    solver.run()
    assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return solver.getInfo().objective_function_value
