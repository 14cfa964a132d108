"""Medians, their spread, and ratios between servers that took turns."""

from math import ceil, floor, sqrt
from statistics import median


def spread(values):
    """Half of the interval that holds the true median in 95 of 100 cases, whatever the values'
    distribution: that between two of them, so many places beside the middle one."""
    values = sorted(values)
    beside = 0.98 * sqrt(len(values))
    low = max(floor(len(values) / 2 - beside), 0)
    high = min(ceil(len(values) / 2 + beside), len(values) - 1)
    return (values[high] - values[low]) / 2


def summary(samples, limit, first):
    """{server: {figure: {"median", "spread"}}} of one cell, with the ratio of the `first` figure.

    A ratio is taken between the turns that servers had one after the other, and then its median:
    what slows the whole machine down for a while slows both.
    """
    result = {}
    for server, turns in samples.items():
        good = [figures for figures in turns if "failed" not in figures]
        if not good:
            result[server] = {"failed": turns[0]["failed"]}
            continue
        result[server] = {key: {"median": median(figures[key] for figures in good),
                                "spread": spread([figures[key] for figures in good])}
                          for key in good[0]}
        ratios = [own[first] / base[first] for own, base in zip(turns, samples.get(limit, ()))
                  if base.get(first) and first in own]
        if ratios:
            result[server]["ratio"] = {"median": median(ratios), "spread": spread(ratios)}
    return result


def resolution(figures):
    """What a ratio of this run cannot resolve: how far the limit is from itself, and its spread."""
    if not figures or "ratio" not in figures:
        return 0.0
    return max(abs(figures["ratio"]["median"] - 1), figures["ratio"]["spread"])
