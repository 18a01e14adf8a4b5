"""Checks the types of the page's JavaScript with TypeScript, where npm exists.

`make types` runs it. It installs TypeScript and the packages whose types the page needs into `node_modules/`, which git
ignores. Editors find them there too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bridge.server import vendor

ROOT = Path(__file__).resolve().parents[2]
TYPESCRIPT = "5.9.3"


def wanted() -> dict[str, str]:
    """Return the packages that the check needs, with their versions: TypeScript and the packages of `vendor.toml`."""
    listed = {package["name"]: package["version"] for package in vendor.packages()}
    return {"typescript": TYPESCRIPT, **listed}


def installed(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    about = ROOT / "node_modules" / name / "package.json"
    return json.loads(about.read_text(encoding="utf-8"))["version"] if about.is_file() else None


def install() -> bool:
    """Install the packages unless they are installed. Return whether they are there now."""
    packages = wanted()
    if all(installed(name) == version for name, version in packages.items()):
        return True
    npm = shutil.which("npm")
    if npm is None:
        print("The types of the page's JavaScript were not checked, because npm is not installed.")
        return False
    options = ("--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    names = [f"{name}@{version}" for name, version in packages.items()]
    done = subprocess.run([npm, "install", *options, "--prefix", str(ROOT), *names], cwd=ROOT)
    if done.returncode:
        print("The types of the page's JavaScript were not checked, because npm cannot fetch the packages.")
    return done.returncode == 0


def main() -> int:
    """Check the types, print all errors, and return the exit code."""
    node = shutil.which("node")
    if node is None:
        print("The types of the page's JavaScript were not checked, because Node is not installed.")
        return 0
    if not install():
        return 0
    compiler = ROOT / "node_modules" / "typescript" / "bin" / "tsc"
    projects = (vendor.STATIC, ROOT / "plugins" / "bridge_jupyter" / "static")
    check = [node, str(compiler), "--project"]
    checks = [subprocess.run([*check, str(project / "jsconfig.json")], cwd=ROOT) for project in projects]
    return max(done.returncode for done in checks)


if __name__ == "__main__":
    sys.exit(main())
