"""The values that the sweep tries: the script's folder travels with it, this module too."""

import numpy


def alphas() -> list[float]:
    """0.00, 0.05, … 0.95."""
    return [float(alpha) for alpha in numpy.arange(0.0, 1.0, 0.05)]
