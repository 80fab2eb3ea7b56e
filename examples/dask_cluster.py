"""The cross-validation of an estimator on a Dask cluster, here one of two processes on this machine.

    python examples/dask_cluster.py

Every path of every fold is a task of joblib; inside `joblib.parallel_config(backend="dask")` tasks go to the cluster of
the current client. Where they run does not change the network.
"""

import joblib
import numpy as np
from dask.distributed import Client, LocalCluster
from sklearn.datasets import make_friedman1

from reluctant import SparseReLURegressor


def main():
    X, y = make_friedman1(1000, noise=1.0, random_state=0)
    here = SparseReLURegressor(random_state=0, n_jobs=1).fit(X, y)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = SparseReLURegressor(random_state=0).fit(X, y)
    print(f"{there.n_parameters_} parameters, R² = {there.score(X, y):.3f} on the training rows")
    print("same network as in one process:", np.array_equal(here.predict(X), there.predict(X)))


if __name__ == "__main__":
    main()
