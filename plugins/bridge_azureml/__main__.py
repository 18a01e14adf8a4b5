"""`python -m bridge_azureml SCRIPT [ARGS]`: run a script as Python does, with our `azureml` import names."""

from __future__ import annotations

import os
import sys

import bridge_azureml

USAGE = """usage: python -m bridge_azureml SCRIPT [ARGUMENTS]
       python -m bridge_azureml -m MODULE [ARGUMENTS]
       python -m bridge_azureml -c CODE [ARGUMENTS]

Run a script that was written for the Azure ML SDK v1 (azureml-core) on Runbridge: `import azureml.core` and its like
resolve to Runbridge in it, also where azureml-core is installed, unless BRIDGE_AZUREML=0 says otherwise.
Everything else is as with `python SCRIPT`. Workspaces are in $BRIDGE_HOME, by default ~/.bridge.
"""


def main() -> int:
    """Replace this process by `python SCRIPT [ARGS]`; return only if there is nothing to run."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if not arguments:
        print(USAGE, end="", file=sys.stderr)
        return 2
    if sys.flags.ignore_environment:
        print("python -m bridge_azureml works by PYTHONPATH: run it without -E and -I.", file=sys.stderr)
        return 2
    os.environ.setdefault(bridge_azureml.VARIABLE, "1")
    sys.stdout.flush()
    # A new interpreter has the same traceback, sys.argv, sys.path, __main__ and child processes as without us.
    os.execv(sys.executable, [sys.executable, *_options(len(arguments)), *arguments])


def _options(following: int) -> list[str]:
    """Return the options of this interpreter, which come before `-m bridge_azureml`."""
    before = sys.orig_argv[1 : len(sys.orig_argv) - following]
    return before[:-1] if before[-1].startswith("-m") else before[:-2]


if __name__ == "__main__":
    sys.exit(main())
