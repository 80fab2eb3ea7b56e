"""The sweep that a page does in the browser, in Node.js: as few neurons as `approximate` proves, within the band."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

from reluctant import InfeasibleError, approximate
from reluctant.report.html import static

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node; apt-get install nodejs")

PROGRAM = """
const lineThrough = (knots, x, y, slopes) => ({
  knots,
  at: (t) => {
    const k = knots.filter((knot) => t >= knot).length;
    return y[k] + slopes[k] * (t - x[k]);
  },
});
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
const answers = cases.map(([x, y, tolerance]) => {
  const fit = liveFit(x, y, tolerance);
  const knots = fit && [...fit.knots];
  const before = knots && knots.map((t) => fit.at(t * (1 - 1e-15)));
  return fit && { knots, values: x.map(fit.at), before, after: knots.map(fit.at) };
});
console.log(JSON.stringify(answers));
"""


def tables(n_tables):
    """Walks, curves, noise and rounded values, at even, uneven and repeated x, within tolerances of all sizes."""
    rng = np.random.default_rng(5)
    for i in range(n_tables):
        n = int(rng.integers(2, 150))
        x = [np.arange(float(n)), np.sort(rng.uniform(0, 10, n)), np.sort(rng.integers(0, n, n)).astype(float)][i % 3]
        y = [rng.standard_normal(n).cumsum(), np.sin(x), rng.standard_normal(n), np.round(np.exp(-x), 3)][i % 4]
        yield x, y, float(np.ptp(y) * 10 ** rng.uniform(-2.5, 0)) or 1.0


@pytest.mark.parametrize("n_tables", [40, pytest.param(2000, marks=pytest.mark.slow)])
def test_the_page_finds_as_few_neurons_as_approximate(n_tables):
    cases = list(tables(n_tables))
    sent = json.dumps([(x.tolist(), y.tolist(), tolerance) for x, y, tolerance in cases])
    run = subprocess.run(
        ["node", "-e", static("live.js") + PROGRAM], input=sent, capture_output=True, text=True, check=True
    )
    found = json.loads(run.stdout)
    feasible = 0
    for (x, y, tolerance), fit in zip(cases, found, strict=True):
        try:
            expected = approximate(x, y, tolerance=tolerance).n_neurons
        except InfeasibleError:
            assert fit is None
            continue
        feasible += 1
        assert len(fit["knots"]) == expected
        assert np.abs(np.array(fit["values"]) - y).max() <= tolerance * (1 + 2e-9) + 1e-9
        assert (np.diff(fit["knots"]) > 0).all()
        np.testing.assert_allclose(fit["before"], fit["after"], atol=1e-7 * max(1.0, np.ptp(y)))
    assert feasible > n_tables / 2
