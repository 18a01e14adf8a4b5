"""The conda packages and pip packages of an environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotFound
from bridge.store.local_file import Writing
from bridge.store.packages import check_package

INDEX_OPTION = "--index-url"


class CondaDependencies:
    """The content of a conda `environment.yml`: conda packages, pip packages and a Python version.

    Args:
        conda_dependencies_file_path: the path of an `environment.yml`; None for no packages.
        _underlying_structure: the content of an `environment.yml`, as `as_dict` returns it.

    Raises:
        NotFound: the file does not exist.
        InvalidValue: the content is not that of an `environment.yml`.

    Source: Azure ML SDK v1, `azureml.core.conda_dependencies.CondaDependencies`.
    """

    def __init__(
        self,
        conda_dependencies_file_path: str | os.PathLike[str] | None = None,
        _underlying_structure: Mapping[str, Any] | None = None,
    ) -> None:
        self._name: str | None = None
        self._channels: list[str] = []
        self._conda: list[str] = []
        self._pip: list[str] = []
        if conda_dependencies_file_path is not None:
            place = check_local_path("conda_dependencies_file_path", conda_dependencies_file_path)
            self._take(read_yaml(place))
        elif _underlying_structure is not None:
            self._take(_underlying_structure)

    @staticmethod
    def create(
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """Create an object from lists of packages.

        Args:
            pip_indexurl: the address of the package index that pip uses instead of PyPI.
            pip_packages: requirements as in a requirements file, such as "numpy>=1.26".
            conda_packages: packages as in an `environment.yml`, such as "numpy=1.26".
            python_version: for example "3.11". None means any version: if possible, the script then runs with the
                version of the interpreter that submits it.
            pin_sdk_version: accepted for compatibility and ignored.
        """
        made = CondaDependencies()
        if python_version is not None:
            made.set_python_version(python_version)
        for package in _names("conda_packages", conda_packages):
            made.add_conda_package(package)
        for package in _names("pip_packages", pip_packages):
            made.add_pip_package(package)
        if pip_indexurl is not None:
            made.set_pip_index_url(pip_indexurl)
        return made

    @property
    def conda_packages(self) -> Iterator[str]:
        """The conda packages, except Python."""
        return (package for package in self._conda if package_name(package) != "python")

    @property
    def pip_packages(self) -> Iterator[str]:
        """The pip packages."""
        return (line for line in self._pip if not line.startswith("-"))

    @property
    def pip_options(self) -> Iterator[str]:
        """The options for pip, as in a requirements file."""
        return (line for line in self._pip if line.startswith("-"))

    @property
    def conda_channels(self) -> Iterator[str]:
        """The conda channels. They are stored but not used, because Runbridge installs packages from PyPI."""
        return iter(self._channels)

    @property
    def python_version(self) -> str | None:
        """The requested version of Python, such as "3.11" or ">=3.10"; None for any version."""
        asked = next((package for package in self._conda if package_name(package) == "python"), "")
        version = asked.strip().rpartition("::")[2][len("python") :].lstrip("= ")
        if version[:1].isdigit():
            version = version.partition("=")[0]  # in `3.11=h955ad1f_0`, the second part is a build
        return version.strip() or None

    def get_python_version(self) -> str | None:
        """Return the requested version of Python; None for any version."""
        return self.python_version

    def set_python_version(self, version: str) -> None:
        """Request a version of Python, such as "3.11"."""
        self._conda = [f"python={version}", *self.conda_packages]

    def add_conda_package(self, conda_package: str) -> None:
        """Add a package, or replace the package with the same name."""
        _put(self._conda, _name_of("conda_package", conda_package))

    def remove_conda_package(self, conda_package: str) -> None:
        """Remove a package. Do nothing if no package has this name."""
        _drop(self._conda, conda_package)

    def add_pip_package(self, pip_package: str) -> None:
        """Add a package, or replace the package with the same name."""
        _put(self._pip, _name_of("pip_package", pip_package))

    def remove_pip_package(self, pip_package: str) -> None:
        """Remove a package. Do nothing if no package has this name."""
        _drop(self._pip, pip_package)

    def set_pip_option(self, pip_option: str) -> None:
        """Add an option for pip, as in a requirements file, or replace the option with the same name."""
        name = _name_of("pip_option", pip_option).replace("=", " ").split()[0]
        self._pip = [line for line in self._pip if line.replace("=", " ").split()[0] != name] + [pip_option]

    def set_pip_index_url(self, index_url: str) -> None:
        """Make pip use another package index than PyPI.

        The address is stored with the run, where every reader of the run sees it. Write `${NAME}` instead of a
        password: pip then reads the password from the environment variable NAME of the process that submits.
        """
        self.set_pip_option(f"{INDEX_OPTION} {index_url}")

    def add_channel(self, channel: str) -> None:
        """Add a conda channel. It is stored but not used, because Runbridge installs packages from PyPI."""
        if channel not in self._channels:
            self._channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Remove a conda channel. Do nothing if the channel was not added."""
        if channel in self._channels:
            self._channels.remove(channel)

    def as_dict(self) -> dict[str, Any]:
        """Return the content of the `environment.yml`: `name`, `channels` and `dependencies`."""
        pip: list[Any] = [{"pip": list(self._pip)}] if self._pip else []
        name = {"name": self._name} if self._name else {}
        channels = {"channels": list(self._channels)} if self._channels else {}
        return {**name, **channels, "dependencies": [*self._conda, *pip]}

    def serialize_to_string(self) -> str:
        """Return the text of the `environment.yml`."""
        yaml = load_yaml_package()
        return str(yaml.safe_dump(self.as_dict(), sort_keys=False))

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write an `environment.yml`, and return its path.

        Args:
            path: the path of the file, or an existing folder. In a folder, the name of the file is
                `conda_dependencies.yml`. None means the working folder.
        """
        place = check_local_path("path", path if path is not None else ".")
        if place.is_dir():
            place /= "conda_dependencies.yml"
        text = self.serialize_to_string()
        with Writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        return place

    def save_to_file(self, base_directory: str | os.PathLike[str], conda_file_path: str | None = None) -> str:
        """Write an `environment.yml` below a folder, and return its path relative to the folder."""
        name = conda_file_path or "conda_dependencies.yml"
        self.save(Path(base_directory) / name)
        return name

    def _take(self, content: Any) -> None:
        """Set all attributes from the content of an `environment.yml`."""
        dependencies = content.get("dependencies", []) if isinstance(content, Mapping) else None
        if not isinstance(dependencies, list):
            raise InvalidValue("conda dependencies", content, "must be a mapping with a list of dependencies")
        self._name = content.get("name")
        self._channels = _texts_of(content, "channels")
        for entry in dependencies:
            if isinstance(entry, str):
                self._conda.append(entry)
            elif isinstance(entry, dict) and set(entry) == {"pip"}:
                self._pip += _texts_of(entry, "pip")
            else:
                raise InvalidValue("conda dependencies", entry, "must be text, or a list of pip packages")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CondaDependencies) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # as Python sets it for a class with `__eq__`

    def __repr__(self) -> str:
        return f"CondaDependencies({self.as_dict()['dependencies']!r})"


def package_name(package: str) -> str:
    """Return the name of a package in lower case.

    Args:
        package: for example `numpy=1.26`, `conda-forge::numpy >=1.26` or `torch[extra]==2`.
    """
    text = package.strip().rpartition("::")[2]
    end = next((place for place, character in enumerate(text) if character in " =<>!~[;@"), len(text))
    return text[:end].lower()


def read_yaml(file: Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        NotFound: the file does not exist.
        InvalidValue: the content of the file is not YAML.
    """
    yaml = load_yaml_package()
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound("file", str(file)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidValue("file", str(file), f"must be YAML: {' '.join(str(error).split())}") from error


def load_yaml_package() -> Any:
    """Return the module `yaml`.

    Raises:
        NotFound: PyYAML is not installed.
    """
    check_package("yaml", "an environment's file", install="pyyaml")
    import yaml

    return yaml


def _texts_of(content: Mapping[str, Any], key: str) -> list[str]:
    """Return the list of texts that the content of an `environment.yml` has under a key.

    The list is empty if the key is absent or its value is null.
    """
    texts = content.get(key) or ()
    if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
        raise InvalidValue(key, texts, "must be a list of texts")
    return list(texts)


def _names(key: str, packages: Iterable[str] | None) -> list[str]:
    if isinstance(packages, str):
        raise InvalidValue(key, packages, "must be a list of packages")
    return list(packages or ())


def _name_of(key: str, package: object) -> str:
    if not isinstance(package, str) or not package.strip():
        raise InvalidValue(key, package, "must be text such as 'numpy' or 'numpy>=1.26'")
    return package.strip()


def _put(packages: list[str], package: str) -> None:
    _drop(packages, package)
    packages.append(package)


def _drop(packages: list[str], package: str) -> None:
    name = package_name(package)
    packages[:] = [other for other in packages if package_name(other) != name]
