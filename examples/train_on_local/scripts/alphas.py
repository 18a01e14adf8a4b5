"""The values of alpha. The folder of the script is copied, so the script can import this module."""

import numpy


def alphas() -> list[float]:
    """Return 0.00, 0.05, … 0.95."""
    return [float(alpha) for alpha in numpy.arange(0.0, 1.0, 0.05)]
