"""Makes `python -m bridge` the same as the command `runbridge`."""

from bridge.cli.command import main

if __name__ == "__main__":
    main()
