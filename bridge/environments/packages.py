"""Translates the packages of an environment into requirements for pip."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.environments.azureml_packages import dependencies_of, is_azureml
from bridge.environments.conda import CondaDependencies, package_name
from bridge.errors import InvalidValue

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
"""Packages of conda that are not Python packages. Packages whose names start with `r-` are not, either."""

WITHOUT_EFFECT = frozenset(("nomkl", "pip", "setuptools", "wheel"))
"""Packages of conda that are skipped if no version is given: a virtual environment has pip, which brings its own build
tools."""

SIGNS = ("===", "==", "!=", "<=", ">=", "~=", "<", ">")
"""How a clause of PEP 440 on a version starts."""

OLDEST = (3, 10)
"""The oldest Python that Runbridge runs on."""


class Wanted(NamedTuple):
    """The content of a virtual environment.

    Attributes:
        python: the version of Python that is asked for, such as "3.11" or ">=3.10"; empty for any.
        lines: the lines of a requirements file.
        passed_over: packages that are not installed.
    """

    python: str
    lines: tuple[str, ...]
    passed_over: tuple[str, ...]


def wanted_packages(conda_dependencies: Mapping[str, Any] | None) -> Wanted:
    """Return what pip installs for the packages of an environment.

    Args:
        conda_dependencies: the content of a conda `environment.yml`; None for no packages.

    Raises:
        InvalidValue: pip cannot install some of the packages; the error names all of them.
    """
    packages = CondaDependencies(_underlying_structure=conda_dependencies)
    lines, refused, passed_over = [], [], []
    dependencies: list[str] = []
    for package in packages.conda_packages:
        name = package_name(package)
        if is_azureml(package) or package in WITHOUT_EFFECT:
            passed_over.append(package)
            dependencies += dependencies_of(package)
        elif name in NOT_ON_PYPI or name.startswith("r-"):
            refused.append((package, "is not a Python package, so pip cannot install it"))
        elif (line := _requirement(package)) is None:
            refused.append((package, "must be written like numpy, numpy=1.26 or numpy>=1.26,<3"))
        else:
            lines.append(line)
    if refused:
        sentence = "packages come from PyPI here; set user_managed_dependencies and interpreter_path, or use Docker"
        first, *others = [("conda package", package, rule) for package, rule in refused]
        raise InvalidValue(first[0], first[1], f"{first[2]} ({sentence})", others=tuple(others))  # type: ignore[arg-type]
    for package in packages.pip_packages:
        if is_azureml(package):
            passed_over.append(package)
            dependencies += dependencies_of(package)
        else:
            lines.append(package)
    named = {package_name(line) for line in lines}
    lines += [package for package in dict.fromkeys(dependencies) if package not in named]
    return Wanted(packages.python_version or "", (*packages.pip_options, *sorted(lines)), tuple(passed_over))


def python_fits(asked: str, version: tuple[int, int]) -> bool:
    """Return whether a version of Python is one that an environment asks for.

    `3.11` and `=3.11` are every 3.11, as conda means them. All other clauses follow PEP 440.
    Clauses that name a patch version fit if some patch version fits all of them.

    Args:
        asked: clauses with commas between them, such as ">=3.10,<3.13"; empty for any version.
        version: major and minor number.

    Raises:
        InvalidValue: a clause cannot be read.
    """
    from packaging.specifiers import InvalidSpecifier
    from packaging.version import InvalidVersion, Version

    try:
        specifiers = [pep_440(clause) for clause in _clauses(asked)]
        numbers = [Version(each.version.removesuffix(".*")).release for each in specifiers]
    except (InvalidSpecifier, InvalidVersion) as error:
        raise InvalidValue("Python version", asked, "must be written like 3.11 or >=3.10,<3.13") from error
    minor = f"{version[0]}.{version[1]}"
    # Between the patch versions that are named, all patch versions give the same answer.
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
    """Return a clause on a version as PEP 440 writes it.

    Conda's `1.26` and `=1.26` are `==1.26.*`, and its `>=1.26.*` is `>=1.26`.

    Raises:
        packaging.specifiers.InvalidSpecifier: the clause cannot be read.
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
    except InvalidSpecifier:  # a pre-release has no versions below it
        return Specifier(f"=={number}")


def _clauses(asked: str) -> list[str]:
    return [clause.strip() for clause in asked.split(",") if clause.strip()]


def is_too_old(asked: str) -> bool:
    """Return whether every version of Python that fits is older than the oldest that Runbridge runs on.

    Raises:
        InvalidValue: what is asked cannot be read.
    """
    return not any(python_fits(asked, (OLDEST[0], minor)) for minor in range(OLDEST[1], 100))


def asked_versions(asked: str) -> Iterable[tuple[int, int]]:
    """Return the versions of Python that fit: first that of this interpreter, then from the newest to the oldest."""
    own = sys.version_info[:2]
    candidates = [own, *((3, minor) for minor in range(own[1] + 5, 5, -1) if (3, minor) != own)]
    return [version for version in candidates if python_fits(asked, version)]


def _requirement(package: str) -> str | None:
    """Return a package of conda as pip writes it; None if pip cannot be given it."""
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
        # `=1.26` means 1.26.* to conda, while ` 1.26` and `=1.26=py311_0` mean 1.26 itself.
        is_prefix = number.endswith("*") or (version.startswith("=") and not build)
        return f"{on_pypi}{pep_440(number) if is_prefix else Specifier('==' + number)}"
    except InvalidSpecifier:
        return None
