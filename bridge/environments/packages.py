"""Translates the packages of an environment into requirements for pip."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.environments.azureml_packages import dependencies_of, is_azureml
from bridge.environments.conda import CondaDependencies, package_name
from bridge.errors import InvalidValue, Problem

if TYPE_CHECKING:
    from packaging.specifiers import Specifier

ON_PYPI = {
    "beautiful-soup": "beautifulsoup4",
    "dask-core": "dask",
    "faiss": "faiss-cpu",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pytables": "tables",
    "python-graphviz": "graphviz",
    "python-lmdb": "lmdb",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
}
"""Packages whose names in conda and on PyPI differ. All others have the same name."""

NOT_ON_PYPI = frozenset(
    """
    _libgcc_mutex _openmp_mutex blas bzip2 ca-certificates c-compiler compilers cpuonly cuda cuda-toolkit cudatoolkit
    cudnn curl cxx-compiler ffmpeg fortran-compiler gcc gcc_linux-64 gfortran git gxx gxx_linux-64 hdf5 intel-openmp
    java-jdk jpeg ld_impl_linux-64 libblas libffi libgcc libgcc-ng libgfortran liblapack libopenblas libpng
    libstdcxx-ng make mpich nccl ncurses nodejs openblas openjdk openmpi openssl pytorch-cuda pytorch-mutex r-base
    r-essentials readline sqlite tk unixodbc xz zlib zstd
    """.split()
)
"""Conda packages that are not Python packages. Packages whose names start with `r-` are not Python packages either."""

WITHOUT_EFFECT = frozenset(("nomkl", "pip", "setuptools", "wheel"))
"""Conda packages that are skipped if no version is given.

A virtual environment contains pip, and pip installs the build tools that it needs.
"""

SIGNS = ("===", "==", "!=", "<=", ">=", "~=", "<", ">")
"""The comparison operators of PEP 440. A clause is such an operator with a version, for example ">=1.26"."""

OLDEST = (3, 10)
"""The oldest Python that Runbridge runs on."""


class Wanted(NamedTuple):
    """The content of a virtual environment.

    Attributes:
        python: the requested version of Python, such as "3.11" or ">=3.10"; empty for any version.
        lines: the lines of a requirements file.
        skipped: packages that are not installed.
    """

    python: str
    lines: tuple[str, ...]
    skipped: tuple[str, ...]


def wanted_packages(conda_dependencies: Mapping[str, Any] | None) -> Wanted:
    """Return the requirements that pip must install for the packages of an environment.

    Args:
        conda_dependencies: the content of a conda `environment.yml`; None for no packages.

    Raises:
        InvalidValue: a conda package is not a Python package, or its version cannot be translated for pip. The error
            names all such packages.
    """
    packages = CondaDependencies(_underlying_structure=conda_dependencies)
    lines, refused, skipped = [], [], []
    dependencies: list[str] = []
    for package in packages.conda_packages:
        name = package_name(package)
        if is_azureml(package) or package in WITHOUT_EFFECT:
            skipped.append(package)
            dependencies += dependencies_of(package)
        elif name in NOT_ON_PYPI or name.startswith("r-"):
            refused.append((package, "is not a Python package, so pip cannot install it"))
        elif (line := _requirement(package)) is None:
            refused.append((package, "must be written like numpy, numpy=1.26 or numpy>=1.26,<3"))
        else:
            lines.append(line)
    if refused:
        sentence = (
            "Runbridge installs only packages from PyPI; install others yourself and set user_managed_dependencies"
            " and interpreter_path, or use Docker"
        )
        first, *others = [Problem("conda package", package, rule) for package, rule in refused]
        raise InvalidValue(first[0], first[1], f"{first[2]} ({sentence})", others=tuple(others))
    for package in packages.pip_packages:
        if is_azureml(package):
            skipped.append(package)
            dependencies += dependencies_of(package)
        else:
            lines.append(package)
    named = {package_name(line) for line in lines}
    lines += [package for package in dict.fromkeys(dependencies) if package not in named]
    return Wanted(packages.python_version or "", (*packages.pip_options, *sorted(lines)), tuple(skipped))


def python_fits(asked: str, version: tuple[int, int]) -> bool:
    """Return whether an environment accepts a version of Python.

    As in conda, `3.11` and `=3.11` mean every version 3.11.x. All other clauses follow PEP 440.
    If clauses name a patch version, the result is True if at least one patch version fits all clauses.

    Args:
        asked: clauses that are separated by commas, such as ">=3.10,<3.13"; empty for any version.
        version: the major and the minor number of the version.

    Raises:
        InvalidValue: a clause has a syntax error.
    """
    from packaging.specifiers import InvalidSpecifier
    from packaging.version import InvalidVersion, Version

    try:
        specifiers = [pep_440(clause) for clause in _clauses(asked)]
        numbers = [Version(each.version.removesuffix(".*")).release for each in specifiers]
    except (InvalidSpecifier, InvalidVersion) as error:
        raise InvalidValue("Python version", asked, "must be written like 3.11 or >=3.10,<3.13") from error
    minor = f"{version[0]}.{version[1]}"
    # It is enough to try each patch version that is named, and its neighbours: all patch versions between two named
    # ones give the same result.
    patches = {0, *(number[2] + by for number in numbers if len(number) > 2 for by in (0, 1))}
    patches |= {patch - 1 for patch in patches if patch}
    return any(
        all(
            specifier.contains(f"{minor}.{patch}" if len(number) > 2 else minor, prereleases=True)
            for specifier, number in zip(specifiers, numbers, strict=True)
        )
        for patch in patches
    )


def pep_440(clause: str) -> Specifier:
    """Translate a version clause of conda into a version specifier of PEP 440.

    `1.26` and `=1.26` become `==1.26.*`; `>=1.26.*` becomes `>=1.26`.

    Raises:
        packaging.specifiers.InvalidSpecifier: the clause has a syntax error.
    """
    from packaging.specifiers import InvalidSpecifier, Specifier

    sign = next((each for each in SIGNS if clause.startswith(each)), "")
    number = clause.removeprefix(sign).lstrip("= ").rstrip()
    if sign in ("==", "!=", "==="):
        return Specifier(sign + number)
    number = number.removesuffix("*").removesuffix(".")
    if sign:
        return Specifier(sign + number)
    try:
        return Specifier(f"=={number}.*")
    except InvalidSpecifier:  # PEP 440 allows no `.*` after a pre-release such as 1.0rc1
        return Specifier(f"=={number}")


def _clauses(asked: str) -> list[str]:
    return [clause.strip() for clause in asked.split(",") if clause.strip()]


def is_too_old(asked: str) -> bool:
    """Return whether an environment accepts only versions of Python that are too old for Runbridge.

    Raises:
        InvalidValue: a clause has a syntax error.
    """
    return not any(python_fits(asked, (OLDEST[0], minor)) for minor in range(OLDEST[1], 100))


def asked_versions(asked: str) -> Iterable[tuple[int, int]]:
    """Return the versions of Python that `asked` allows: first that of this process, then the others, newest first."""
    own = sys.version_info[:2]
    candidates = [own, *((3, minor) for minor in range(own[1] + 5, 5, -1) if (3, minor) != own)]
    return [version for version in candidates if python_fits(asked, version)]


def _requirement(package: str) -> str | None:
    """Translate a conda package into a requirement of pip. Return None if this is not possible."""
    from packaging.specifiers import InvalidSpecifier, Specifier

    text = package.strip().rpartition("::")[2]
    name = package_name(text)
    version = text[len(name) :].strip()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name):
        return None
    on_pypi = ON_PYPI.get(name, name)
    if version in ("", "*") or re.fullmatch(r"=\s*\*", version):
        return on_pypi
    try:
        if version.startswith(SIGNS):
            return on_pypi + ",".join(str(pep_440(clause)) for clause in _clauses(version))
        number, _, build = version.lstrip("= ").partition("=")
        # In conda, `numpy=1.26` means 1.26.*, but `numpy 1.26` (with a space) and `numpy=1.26=py311_0` (with a build)
        # mean exactly 1.26.
        is_prefix = number.endswith("*") or (version.startswith("=") and not build)
        return f"{on_pypi}{pep_440(number) if is_prefix else Specifier('==' + number)}"
    except InvalidSpecifier:
        return None
