"""Wheel and sdist work without the repository. Slow: `pytest -m slow tests/test_package.py`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
METADATA = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

pytestmark = pytest.mark.slow


def run(*command, cwd=None):
    """What a command prints, in an environment that does not know of the repository."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel, made from the sdist, so that both are complete."""
    folder = tmp_path_factory.mktemp("dist")
    python = environment_of(folder / "builder")
    run(python, "-m", "pip", "install", "-q", "build")
    run(python, "-m", "build", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def environment_of(folder, interpreter=None):
    if interpreter is None:
        venv.create(folder, with_pip=True)
    else:
        run(interpreter, "-m", "venv", folder)
    return folder / "bin" / "python"


def interpreter_of(version):
    """An interpreter of a version that starts here: on the path, or one that pyenv keeps; else the test is skipped."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for one in (shutil.which(f"python{version}"), *sorted(kept.glob(f"{version}.*/bin/python"))):
        if one and subprocess.run([one, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return one
    return pytest.skip(f"no Python {version} at hand")


def floors():
    """The lowest versions that the metadata allow."""
    return [requirement.replace(">=", "==") for requirement in METADATA["dependencies"]]


def test_wheel_holds_the_library_with_its_templates_and_no_tests(built):
    names = zipfile.ZipFile(built[0]).namelist()
    assert "reluctant/py.typed" in names
    assert any(name.startswith("reluctant/export/templates/") for name in names)
    assert not [name for name in names if re.match(r"(tests|benchmarks|docs)/", name)]
    with tarfile.open(built[1]) as sdist:
        inside = {Path(name).relative_to(Path(name).parts[0]).as_posix() for name in sdist.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml"} <= inside


@pytest.mark.parametrize("versions", ["newest", "lowest"])
@pytest.mark.parametrize("python_version", ["3.11", "3.12", "3.13"])
def test_doctests_pass_against_the_installed_wheel(built, python_version, versions, tmp_path):
    if versions == "lowest" and python_version == "3.13":
        pytest.skip("the lowest versions have no wheels for this Python")
    python = environment_of(tmp_path / "env", interpreter_of(python_version))
    extra = floors() if versions == "lowest" else []
    run(python, "-m", "pip", "install", "-q", built[0], *extra)
    print(run(python, ROOT / "benchmarks" / "install_size.py", cwd=tmp_path))
    installed = set(run(python, "-m", "pip", "list", "--format=freeze").lower().replace("_", "-").split())
    assert not {"polars", "pyarrow", "matplotlib", "pandas", "torch", "onnx", "jinja2"} & {
        line.partition("==")[0] for line in installed
    }
    run(python, "-m", "pip", "install", "-q", "pytest")
    where = run(python, "-c", "import reluctant, pathlib; print(pathlib.Path(reluctant.__file__).parent)").strip()
    assert "site-packages" in where
    rooms = [Path(where) / room for room in ("solve", "univariate", "model", "multivariate", "solution.py")]
    pytest_call = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--doctest-modules"]
    pandas = Path(where) / "model" / "tabular.py"  # its example makes a frame, which the core install cannot
    run(*pytest_call, "--import-mode=importlib", f"--ignore={pandas}", *rooms, cwd=tmp_path)


def test_a_typed_file_of_a_user_passes_mypy_strict(built, tmp_path):
    python = environment_of(tmp_path / "env")
    run(python, "-m", "pip", "install", "-q", built[0], "mypy")
    run(python, "-m", "mypy", "--strict", ROOT / "tests" / "typed_use.py", cwd=tmp_path)
