"""`python -m bridge_azureml SCRIPT [ARGS]`: run a script as Python does, with our `azureml` import names."""

from __future__ import annotations

import os
import sys

import bridge_azureml

USAGE = """usage: python -m bridge_azureml SCRIPT [ARGUMENTS]
       python -m bridge_azureml -m MODULE [ARGUMENTS]
       python -m bridge_azureml -c CODE [ARGUMENTS]

Run a script that was written for the Azure ML SDK v1 (azureml-core) on Runbridge. In the script, `import azureml.core`
and similar imports resolve to Runbridge, even if azureml-core is installed. Set BRIDGE_AZUREML=0 to use azureml-core.
Everything else is as with `python SCRIPT`. Workspaces are in $BRIDGE_HOME, by default ~/.bridge.
"""


def main() -> int:
    """Replace this process by `python SCRIPT [ARGS]`. If there is nothing to run, return the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if not arguments:
        print(USAGE, end="", file=sys.stderr)
        return 2
    if sys.flags.ignore_environment:
        print("python -m bridge_azureml needs PYTHONPATH: run it without the options -E and -I.", file=sys.stderr)
        return 2
    os.environ.setdefault(bridge_azureml.VARIABLE, "1")
    sys.stdout.flush()
    # In a new interpreter, tracebacks, sys.argv, sys.path, __main__ and child processes are as with `python SCRIPT`.
    os.execv(sys.executable, [sys.executable, *_options(len(arguments)), *arguments])


def _options(following: int) -> list[str]:
    """Return the options of the interpreter: the arguments before `-m bridge_azureml`."""
    before = sys.orig_argv[1 : len(sys.orig_argv) - following]
    return before[:-1] if before[-1].startswith("-m") else before[:-2]


if __name__ == "__main__":
    sys.exit(main())
