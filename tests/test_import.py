"""What importing the package loads."""

import doctest
import json
import pickle
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


ROOMS = ("estimators", "experiments", "export", "multivariate", "nn", "regression", "report", "solve", "verify")


def test_every_public_name_is_there_and_listed():
    for name in reluctant.__all__:
        assert getattr(reluctant, name).__name__ == name
        assert name in dir(reluctant)


def test_the_face_shows_public_names_and_rooms_alone():
    code = "import reluctant, json; print(json.dumps(dir(reluctant)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == sorted({*reluctant.__all__, *ROOMS})


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_load_on_first_use_and_show_public_names_alone(room):
    code = (
        f"import reluctant; names = dir(reluctant.{room}); [getattr(reluctant.{room}, n) for n in names]; print(*names)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = result.stdout.split()
    assert names
    assert not [name for name in names if name.startswith("_") or name in ("annotations", "np", "torch")]


@pytest.mark.parametrize("name", [name for name in reluctant.__all__ if isinstance(getattr(reluctant, name), type)])
def test_public_classes_name_the_door_and_survive_a_pickle(name):
    public = getattr(reluctant, name)
    assert public.__module__ == "reluctant"
    assert pickle.loads(pickle.dumps(public)) is public


@pytest.mark.parametrize("name", [name for name in reluctant.__all__ if isinstance(getattr(reluctant, name), type)])
def test_examples_of_public_classes_run(name):
    """Their modules do not own them by name, so pytest does not find these doctests by itself."""
    public = getattr(reluctant, name)
    home = sys.modules[
        next(m for m in sys.modules if getattr(sys.modules[m], name, None) is public and m != "reluctant")
    ]
    for case in doctest.DocTestFinder().find(public, name, module=False, globs=vars(home).copy()):
        assert doctest.DocTestRunner().run(case).failed == 0


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no attribute 'interpolat'"):
        _ = reluctant.interpolat
