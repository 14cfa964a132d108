"""Medians, their spread, and ratios between servers that took turns."""

from math import ceil, floor, sqrt
from statistics import median

LEAST_SHARE = 0.01  # The last digit that is shown: no smaller difference counts.


def spread(values):
    """Half of the interval that holds the true median in 95 of 100 cases, whatever the values'
    distribution: that between two of them, so many places beside the middle one."""
    values = sorted(values)
    beside = 0.98 * sqrt(len(values))
    low = max(floor(len(values) / 2 - beside), 0)
    high = min(ceil(len(values) / 2 + beside), len(values) - 1)
    return (values[high] - values[low]) / 2


def summary(samples, limit, first):
    """{server: {figure: {"median", "spread"}}} of one cell, with the ratio of the `first` figure, and
    with "failures" where turns failed; that alone where all did.

    A ratio is taken between the turns that servers had one after the other, and then its median:
    what slows the whole machine down for a while slows both.
    """
    result = {}
    for server, turns in samples.items():
        good = [figures for figures in turns if "failed" not in figures]
        failures = [figures["failed"] for figures in turns if "failed" in figures]
        result[server] = {key: {"median": median(figures[key] for figures in good),
                                "spread": spread([figures[key] for figures in good])}
                          for key in (good[0] if good else ())}
        if failures:
            result[server]["failures"] = {"turns": len(failures), "of": len(turns),
                                          "first": failures[0].splitlines()[0][:200]}
        ratios = [own[first] / base[first] for own, base in zip(turns, samples.get(limit, ()))
                  if base.get(first) and first in own]
        if ratios:
            result[server]["ratio"] = {"median": median(ratios), "spread": spread(ratios)}
    return result


def resolution(summary, limit):
    """What a ratio of this run cannot resolve: how far the limit is from itself, and its spread."""
    ratio = summary.get(limit + " again", {}).get("ratio")
    return max(abs(ratio["median"] - 1), ratio["spread"]) if ratio else 0.0
