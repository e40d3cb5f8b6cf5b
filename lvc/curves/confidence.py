"""How sure a mean over sequences is."""

from collections.abc import Sequence

import numpy as np

FEWEST = 3
"""Sequences below which nothing can be said."""


def confidence(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % confidence interval of the mean: a percentile bootstrap over the sequences, the same in every run."""
    from scipy.stats import bootstrap

    if len(values) < FEWEST or len(set(values)) == 1:
        return None
    found = bootstrap((np.asarray(values),), np.mean, n_resamples=2000, method="percentile", rng=0)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
