"""Questions for verifiers: what they say, read back by a reader of a few lines."""

import re

import numpy as np
import pytest

from reluctant import ReLUNetwork
from reluctant.export import export_vnnlib

NETWORK = ReLUNetwork([[1.0, -2.0]], [0.5], [3.0])


def test_the_box_and_the_complement_of_the_ranges_are_asserted(tmp_path):
    text = export_vnnlib(NETWORK, tmp_path / "f.vnnlib", [[-1e-9, 1e22], [2, 3]], [[0, np.inf]])
    assert (tmp_path / "f.vnnlib").read_text() == text
    bounds = re.findall(r"\(([<>]=) (\w+) (-?[\d.]+)\)", text)
    assert [(relation, name, float(value)) for relation, name, value in bounds] == [
        (">=", "X_0", -1e-9),
        ("<=", "X_0", 1e22),
        (">=", "X_1", 2.0),
        ("<=", "X_1", 3.0),
        ("<=", "Y_0", 0.0),
    ]
    assert text.count("declare-const") == 3
    assert text.count("(") == text.count(")")


@pytest.mark.parametrize(
    ("file", "bounds", "outside", "message"),
    [
        ("f.txt", [[0, 1], [0, 1]], [[0, 1]], "must end in .vnnlib"),
        ("f.vnnlib", [[0, 1]], [[0, 1]], "for each of 2 inputs"),
        ("f.vnnlib", [[0, 1], [0, 1]], [[0, 1], [0, 1]], "for each of 1 outputs"),
        ("f.vnnlib", [[0, 1], [0, 1]], [[-np.inf, np.inf]], "nothing to ask"),
        ("f.vnnlib", [[0, 1], [0, 1]], [[np.inf, np.inf]], "range of output 0 holds no number"),
        ("f.vnnlib", [[0, 1], [0, 1]], [[-np.inf, -np.inf]], "range of output 0 holds no number"),
        ("f.vnnlib", [[0, 1], [0, 1]], [[np.nan, 1]], "outside has NaN"),
        ("f.vnnlib", [[0, 1], [0, 1]], [[2, 1]], "output 0 cross"),
    ],
)
def test_what_is_no_question_is_refused(tmp_path, file, bounds, outside, message):
    with pytest.raises(ValueError, match=message):
        export_vnnlib(NETWORK, tmp_path / file, bounds, outside)
    assert list(tmp_path.iterdir()) == []
