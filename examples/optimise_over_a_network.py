"""The cheapest way to run a pump whose efficiency is known from a table: a network inside an optimisation model.

    python examples/optimise_over_a_network.py

The table becomes a network of few neurons, and each of them at most one binary. The same question is put to HiGHS,
and, where they are installed, to Pyomo with OMLT (pip install omlt pyomo highspy onnx), to SCIP (pip install pyscipopt
pyscipopt-ml torch) and to Gurobi (pip install gurobipy gurobi-machinelearning torch, and a licence).
"""

import tempfile
from pathlib import Path

import highspy
import numpy as np

from reluctant import ReLUNetwork, regress
from reluctant.export import export_onnx
from reluctant.verify import output_range

BOUNDS = [[0.2, 1.0], [0.5, 1.0]]  # flow and speed, in shares of the largest
WANTED = 0.55


def losses(flow, speed):
    """Power lost in the pump, in shares of the largest: a bowl around the best point, and friction."""
    return 0.35 + 2.1 * (flow - 0.75 * speed) ** 2 + 0.4 * speed**3 - 0.3 * flow


def table():
    """A measured map: 200 rows of (flow, speed) and losses."""
    rng = np.random.default_rng(0)
    X = rng.uniform(*np.transpose(BOUNDS), (200, 2))
    return X, losses(*X.T)


def fitted() -> ReLUNetwork:
    """Few neurons; the smaller alpha, the more and the nearer."""
    return regress(*table(), alpha=1e-6, random_state=0).network


def by_highs(network):
    """Least losses with flow times a half plus speed times a half as wanted."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    columns = network.to_highs(model, BOUNDS)
    model.addRow(WANTED, highspy.kHighsInf, 2, columns.inputs.astype(np.int32), np.array([0.5, 0.5]))
    model.changeColCost(int(columns.outputs[0]), 1.0)
    model.run()
    at = np.array(model.getSolution().col_value)[columns.inputs]
    return model.getObjectiveValue(), at, len(columns.binaries)


def by_pyomo(network):
    """The same with OMLT and Pyomo, by way of an ONNX file; HiGHS solves it here too."""
    import onnx
    import pyomo.environ as pyo
    from omlt import OmltBlock
    from omlt.io import load_onnx_neural_network
    from omlt.neuralnet import ReluBigMFormulation

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pump.onnx"
        export_onnx(network, path, sequential=True)
        definition = load_onnx_neural_network(onnx.load(path), input_bounds=dict(enumerate(map(tuple, BOUNDS))))
    model = pyo.ConcreteModel()
    model.pump = OmltBlock()
    model.pump.build_formulation(ReluBigMFormulation(definition))
    model.wanted = pyo.Constraint(expr=0.5 * model.pump.inputs[0] + 0.5 * model.pump.inputs[1] >= WANTED)
    model.losses = pyo.Objective(expr=model.pump.outputs[0])
    pyo.SolverFactory("appsi_highs").solve(model)
    at = np.array([pyo.value(model.pump.inputs[j]) for j in range(2)])
    binaries = sum(not v.fixed for v in model.component_data_objects(pyo.Var) if v.is_binary())
    return pyo.value(model.losses), at, binaries


def by_scip(network):
    """The same with PySCIPOpt-ML, by way of a PyTorch module."""
    from pyscipopt import Model
    from pyscipopt_ml.add_predictor import add_predictor_constr

    from reluctant.nn import to_module

    model = Model()
    model.hideOutput()
    x = np.array([[model.addVar(lb=low, ub=high) for low, high in BOUNDS]], dtype=object)
    y = np.array([[model.addVar(lb=None)]], dtype=object)
    add_predictor_constr(model, to_module(network), x, y, unique_naming_prefix="pump_", formulation="bigm")
    model.addCons(0.5 * x[0, 0] + 0.5 * x[0, 1] >= WANTED)
    model.setObjective(y[0, 0])
    binaries = model.getNBinVars()
    model.optimize()
    return model.getObjVal(), np.array([model.getVal(v) for v in x[0]]), binaries


def by_gurobi(network):
    """The same with gurobi-machinelearning, by way of a PyTorch module."""
    import gurobipy
    from gurobi_ml import add_predictor_constr

    from reluctant.nn import to_module

    model = gurobipy.Model()
    x = model.addMVar((1, 2), lb=np.array(BOUNDS)[:, 0], ub=np.array(BOUNDS)[:, 1])
    y = model.addMVar((1, 1), lb=-gurobipy.GRB.INFINITY)
    add_predictor_constr(model, to_module(network), x, y)
    model.addConstr(0.5 * x[0, 0] + 0.5 * x[0, 1] >= WANTED)
    model.setObjective(y[0, 0])
    model.optimize()
    return model.ObjVal, x.X[0], model.NumBinVars


WAYS = {"HiGHS": by_highs, "OMLT, Pyomo": by_pyomo, "PySCIPOpt-ML": by_scip, "gurobi-machinelearning": by_gurobi}


def main():
    network = fitted()
    print(f"{network.n_neurons} neurons; losses in the box from {output_range(network, BOUNDS).low[0]:.4f} up, proved")
    for name, way in WAYS.items():
        try:
            least, (flow, speed), binaries = way(network)
        except ModuleNotFoundError as error:
            print(f"{name:23} not run: {error}")
            continue
        print(f"{name:23} losses {least:.5f} at flow {flow:.4f}, speed {speed:.4f}; {binaries} binaries")


if __name__ == "__main__":
    main()
