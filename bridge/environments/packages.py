"""From an environment's packages to what pip installs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

from bridge.environments.conda import CondaDependencies, package_name
from bridge.errors import InvalidValue

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
"""Packages that conda and PyPI call differently; all others are looked for on PyPI under conda's name."""

NOT_ON_PYPI = frozenset(
    """
    _libgcc_mutex _openmp_mutex blas bzip2 ca-certificates c-compiler compilers cpuonly cuda cuda-toolkit cudatoolkit
    cudnn curl cxx-compiler ffmpeg fortran-compiler gcc gcc_linux-64 gfortran git gxx gxx_linux-64 hdf5 intel-openmp
    java-jdk jpeg ld_impl_linux-64 libblas libffi libgcc libgcc-ng libgfortran liblapack libopenblas libpng
    libstdcxx-ng make mpich nccl ncurses nodejs openblas openjdk openmpi openssl pytorch-cuda pytorch-mutex r-base
    r-essentials readline sqlite tk unixodbc xz zlib zstd
    """.split()
)
"""Packages of conda that are no Python packages; those that begin with `r-` are not, either."""

WITHOUT_EFFECT = frozenset(("nomkl", "pip", "setuptools", "wheel"))
"""Of conda, where no version is named: pip is there anyhow, and builds packages in environments of their own."""

GIVEN_HERE = re.compile(r"azureml[-_.].*|azureml", re.IGNORECASE)
"""The Azure ML SDK: its names are given by Runbridge, and the real one would look for a service that is not there."""

SPECIFIER = re.compile(r"(==|!=|<=|>=|~=|<|>)\s*[\w.*+!-]+(\s*,\s*(==|!=|<=|>=|~=|<|>)\s*[\w.*+!-]+)*")
EXACT = re.compile(r"=?\s*([\w.+!]+?)(\.?\*)?(=[\w.*]+)?")

PYTHON_CLAUSE = re.compile(r"(==|!=|<=|>=|~=|<|>|=)?\s*(\d+)(?:\.(\d+|\*))?(?:\.(\d+|\*))?(?:\.?[\w*]+)*")


class Wanted(NamedTuple):
    """What a virtual environment is made of.

    `python` is what conda asks of Python's version, such as "3.11" or ">=3.10", or nothing.
    `lines` are those of a requirements file; `passed_over` are packages that are not installed.
    """

    python: str
    lines: tuple[str, ...]
    passed_over: tuple[str, ...]


def wanted_packages(conda_dependencies: Mapping[str, Any] | None) -> Wanted:
    """Return what pip installs for the packages of an environment.

    Args:
        conda_dependencies: the content of a conda `environment.yml`; None for no packages.

    Raises:
        InvalidValue: packages that pip cannot install; all of them are named.
    """
    packages = CondaDependencies(_underlying_structure=conda_dependencies)
    lines, refused, passed_over = [], [], []
    for package in packages.conda_packages:
        name = package_name(package)
        if GIVEN_HERE.fullmatch(name) or package in WITHOUT_EFFECT:
            passed_over.append(package)
        elif name in NOT_ON_PYPI or name.startswith("r-"):
            refused.append((package, "is no Python package, so pip cannot install it"))
        elif (line := _requirement(package)) is None:
            refused.append((package, "must be written like numpy, numpy=1.26 or numpy>=1.26,<3"))
        else:
            lines.append(line)
    if refused:
        sentence = "packages come from PyPI here; set user_managed_dependencies and interpreter_path, or use Docker"
        first, *others = [("conda package", package, rule) for package, rule in refused]
        raise InvalidValue(first[0], first[1], f"{first[2]} ({sentence})", others=tuple(others))  # type: ignore[arg-type]
    for package in packages.pip_packages:
        if GIVEN_HERE.fullmatch(package_name(package)):
            passed_over.append(package)
        else:
            lines.append(package)
    return Wanted(packages.python_version or "", (*packages.pip_options, *sorted(lines)), tuple(passed_over))


def python_fits(asked: str, version: tuple[int, int]) -> bool:
    """Return whether a version of Python is one that an environment asks for.

    `3.11` and `=3.11` are every 3.11, as conda means them; else the rules are those of PEP 440.
    A clause that names a patch version fits if some patch version does.

    Raises:
        InvalidValue: what is asked cannot be read.
    """
    return all(_clause_fits(clause.strip(), version) for clause in asked.split(",") if clause.strip())


def asked_versions(asked: str) -> Iterable[tuple[int, int]]:
    """The versions of Python that fit, this interpreter's first, then the newest first."""
    own = sys.version_info[:2]
    candidates = [own, *((3, minor) for minor in range(own[1] + 5, 5, -1) if (3, minor) != own)]
    return [version for version in candidates if python_fits(asked, version)]


def _requirement(package: str) -> str | None:
    """A package as conda spells it, as pip spells it; None if that cannot be done."""
    text = package.strip().rpartition("::")[2]
    name = package_name(text)
    version = text[len(name) :].strip()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", name):
        return None
    on_pypi = ON_PYPI.get(name, name)
    if not version or version == "*":
        return on_pypi
    if SPECIFIER.fullmatch(version):
        return on_pypi + version.replace(" ", "")
    exact = EXACT.fullmatch(version)
    if exact is None:
        return None
    number, star, build = exact.groups()
    # `=1.26` means 1.26.* to conda, and `=1.26=py311_0` exactly 1.26.
    is_prefix = bool(star) or (version.startswith("=") and not build)
    return f"{on_pypi}=={number}{'.*' if is_prefix else ''}"


def _clause_fits(clause: str, version: tuple[int, int]) -> bool:
    found = PYTHON_CLAUSE.fullmatch(clause)
    sign, *parts = found.groups() if found else (None,)
    numbers = tuple(int(part) for part in takewhile(str.isdigit, filter(None, parts)))
    if not numbers or (sign == "~=" and len(numbers) == 1):
        raise InvalidValue("Python version", clause, "must be written like 3.11 or >=3.10,<3.13")
    begins_so = version[: len(numbers)] == numbers[:2]
    is_prefix = "*" in parts
    if sign in (None, "=") or (is_prefix and sign == "=="):
        return begins_so
    if is_prefix:
        return not begins_so if sign == "!=" else _compared(sign, version[: len(numbers)], numbers)
    if len(numbers) == 3:
        return _some_patch_fits(sign, version, numbers[:2], numbers[2])
    asked = (*numbers, 0)[:2]
    return version[0] == asked[0] and version >= asked if sign == "~=" else _compared(sign, version, asked)


def _some_patch_fits(sign: str | None, version: tuple[int, int], minor: tuple[int, ...], patch: int) -> bool:
    """Return whether some patch version of a version fits, where the clause names one."""
    if sign in ("==", "~="):
        return version == minor
    if version == minor:
        return sign != "<" or patch > 0
    return _compared(sign, version, minor)


def _compared(sign: str | None, mine: tuple[int, ...], asked: tuple[int, ...]) -> bool:
    return {
        "==": mine == asked,
        "~=": mine == asked,
        "!=": mine != asked,
        "<=": mine <= asked,
        ">=": mine >= asked,
        "<": mine < asked,
        ">": mine > asked,
    }[sign or "=="]
