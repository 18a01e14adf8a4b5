"""Version specifiers of an environment have the meaning of `packaging`, which pip uses too."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from bridge import CondaDependencies, InvalidValue
from bridge.environments.packages import python_fits, wanted_packages

NUMBERS = st.sampled_from(["2.7.18", "3.0.0", "3.10.0", "3.10.4", "3.11.0", "3.11.4", "3.11.20", "3.12.0", "3.11.4.1"])
ODD = st.sampled_from(["3.12.0b4", "3.11.4rc1", "3.11.4.post1", "3.11.4.dev0", "1!3.11.0", "3.11.0+local", "", "x"])
SIGNS = st.sampled_from(["==", "!=", "<=", ">=", "<", ">", "~=", "==="])
MINORS = range(9, 14)


@given(st.lists(st.tuples(SIGNS, NUMBERS | ODD), min_size=1, max_size=3))
def test_clauses_on_patch_versions_fit_if_one_patch_version_fits_all_of_them(
    clauses: Sequence[tuple[str, str]],
) -> None:
    asked = ",".join(sign + number for sign, number in clauses)
    try:
        specifiers = SpecifierSet(asked)
    except InvalidSpecifier:
        with pytest.raises(InvalidValue, match="Python version"):
            python_fits(asked, (3, 11))
        return
    if any(specifier.version == "x" for specifier in specifiers):  # `===` accepts any text, and no version is `x`
        return
    for minor in MINORS:
        some = any(specifiers.contains(f"3.{minor}.{patch}", prereleases=True) for patch in range(30))
        assert python_fits(asked, (3, minor)) == some, minor


@given(st.lists(st.tuples(SIGNS, NUMBERS | ODD), min_size=1, max_size=3))
def test_a_package_is_passed_to_pip_if_pip_can_read_it(clauses: Sequence[tuple[str, str]]) -> None:
    version = ",".join(sign + number for sign, number in clauses)
    try:
        wanted = SpecifierSet(version)
    except InvalidSpecifier:
        with pytest.raises(InvalidValue, match="must be written like"):
            wanted_packages({"dependencies": ["numpy" + version]})
        return
    (line,) = wanted_packages({"dependencies": ["numpy" + version]}).lines
    assert Requirement(line).specifier == wanted


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("python", None),
        ("python=3.11", "3.11"),
        ("python 3.11", "3.11"),
        ("python==3.11.4", "3.11.4"),
        ("python=3.11=h955ad1f_0", "3.11"),
        ("conda-forge::python=3.11", "3.11"),
        ("Python=3.11", "3.11"),
        ("python>=3.10", ">=3.10"),
        ("python >=3.10, <3.13", ">=3.10, <3.13"),
        ("python!=3.9", "!=3.9"),
        ("python~=3.10", "~=3.10"),
        ("python<=3.12", "<=3.12"),
    ],
)
def test_the_version_of_python_is_read_as_it_is_written(written: str, asked: str | None) -> None:
    assert CondaDependencies(_underlying_structure={"dependencies": [written]}).python_version == asked


def test_a_version_of_python_that_is_set_is_required() -> None:
    for asked in ("3.11", ">=3.10", ">=3.10,<3.13", "!=3.9", "~=3.10"):
        packages = CondaDependencies.create(python_version=asked)
        assert packages.python_version == wanted_packages(packages.as_dict()).python == asked
        assert python_fits(asked, (3, 11))


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        (">3.11.4,<3.11.5", False),  # each fits some patch version, and no patch version fits both
        (">3.11.4,<3.11.6", True),
        ("==3.11.0rc1", False),  # a pre-release is not among the installed versions
        (">=3.11.0rc1", True),
        ("3.11rc1", False),
        ("==3.11.4.1", False),
        (">=3.11.*", True),  # as conda reads it
        ("<3.11.*", False),
    ],
)
def test_all_clauses_must_hold_for_one_version(asked: str, fits: bool) -> None:
    assert python_fits(asked, (3, 11)) is fits


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy=1.26rc1", "numpy==1.26rc1"),
        ("numpy>=1.26.*", "numpy>=1.26"),
        ("numpy=1.26.4.post1", "numpy==1.26.4.post1"),
        ("numpy >=1.26,!=1.26.1", "numpy>=1.26,!=1.26.1"),
        ("numpy=*", "numpy"),
        ("numpy=1.26*", "numpy==1.26.*"),
        ("pytorch=1.10.0=py3.8_cuda11.3_cudnn8.2.0_0", "torch==1.10.0"),
    ],
)
def test_a_conda_version_becomes_a_pip_version(conda: str, pip: str) -> None:
    assert wanted_packages({"dependencies": [conda]}).lines == (pip,)
    Requirement(pip)


@pytest.mark.parametrize(
    "conda", ["numpy~=1", "numpy=1.26|1.25", "numpy>=", "numpy==", "numpy=", "numpy==1.26.*.*", "numpy >=1.26 py_0"]
)
def test_a_version_that_pip_cannot_read_is_refused(conda: str) -> None:
    with pytest.raises(InvalidValue, match="must be written like"):
        wanted_packages({"dependencies": [conda]})
