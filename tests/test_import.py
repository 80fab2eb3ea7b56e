"""What importing the package loads."""

import subprocess
import sys

import pytest

import reluctant

HEAVY = ("scipy", "numba", "highspy", "sklearn", "joblib", "torch", "matplotlib", "polars", "pandas", "typer", "rich")


def test_import_loads_numpy_alone():
    code = f"import sys, reluctant; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_network_needs_numpy_alone():
    code = (
        "import sys, reluctant; f = reluctant.ReLUNetwork([1], [0], [1]); f([1.0]); f.merged().canonical(); "
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_is_there_and_listed():
    for name in reluctant.__all__:
        assert getattr(reluctant, name).__name__ == name
        assert name in dir(reluctant)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'interpolat'"):
        _ = reluctant.interpolat
