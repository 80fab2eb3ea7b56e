"""Networks in rational arithmetic, and tables with nearly equal rows: oracles that nothing rounds."""

from fractions import Fraction

import numpy as np

from reluctant import ReLUNetwork


def exact_outputs(network, X):
    """Outputs (N, m) of a network at the rows of X, as fractions."""
    w, b, v = (a.tolist() for a in (network.input_weights, network.biases, network.output_weights))
    slope = np.asarray(network.slope).reshape(network.n_inputs, -1).tolist()
    intercept = np.ravel(network.intercept).tolist()
    outputs = []
    for x in np.asarray(X).tolist():
        heights = [max(Fraction(c) + dot(row, x), Fraction(0)) for row, c in zip(w, b)]
        outputs.append(
            [
                Fraction(intercept[j])
                + dot([s[j] for s in slope], x)
                + sum(Fraction(o[j]) * h for o, h in zip(v, heights))
                for j in range(len(intercept))
            ]
        )
    return outputs


def dot(a, b):
    return sum((Fraction(s) * Fraction(t) for s, t in zip(a, b)), Fraction(0))


def close_rows_with_planted_labels(rng, affine=False):
    """Up to six rows, some 1e-4 to 1e-13 apart, labels of a network as steep as they are close, and that network."""
    N, d, K = int(rng.integers(2, 6)), int(rng.integers(1, 4)), int(rng.integers(1, 3))
    X = rng.integers(-2, 3, (N, d)).astype(float)
    gap = 10.0 ** -rng.integers(4, 14)
    for _ in range(int(rng.integers(1, 3))):
        X = np.vstack([X, X[rng.integers(len(X))] + gap * rng.integers(-2, 3, d)])
    X = np.unique(X, axis=0)
    w = np.zeros((K, d))
    b = np.zeros(K)
    for k in range(K):
        i = rng.integers(len(X))
        w[k] = rng.integers(-2, 3, d) * (rng.uniform(size=d) < 0.6)
        steep = rng.choice([1.0, 1 / gap])
        w[k] *= steep
        b[k] = rng.choice([-w[k] @ X[i], 0.0, float(rng.integers(-2, 3))])
    slope = rng.integers(-1, 2, d).astype(float) if affine else np.zeros(d)
    network = ReLUNetwork(w, b, rng.choice([-1.0, 1.0], K), slope, 0.0)
    y = np.array([float(f[0]) for f in exact_outputs(network, X)])
    return X, y, network
