"""Medians, their spread, and ratios between servers that were measured alternately."""

from math import ceil, floor, sqrt
from statistics import median

LEAST_SHARE = 0.01  # The last digit that is shown; smaller differences are ignored.


def spread(values):
    """Half of the 95 % confidence interval of the median, for any distribution of the values. The
    interval lies between two values at the same distance from the middle one."""
    values = sorted(values)
    beside = 0.98 * sqrt(len(values))
    low = max(floor(len(values) / 2 - beside), 0)
    high = min(ceil(len(values) / 2 + beside), len(values) - 1)
    return (values[high] - values[low]) / 2


def summary(samples, baseline, first):
    """{server: {figure: {"median", "spread"}}} of one case, with the ratio of the `first` figure,
    and with "failures" if runs failed; only "failures" if all runs failed.

    Each ratio is taken between two servers' runs of the same round, so a slow period of the
    machine affects both. The result is the median of the ratios.
    """
    result = {}
    for server, runs in samples.items():
        good = [figures for figures in runs if "failed" not in figures]
        failures = [figures["failed"] for figures in runs if "failed" in figures]
        result[server] = {key: {"median": median(figures[key] for figures in good),
                                "spread": spread([figures[key] for figures in good])}
                          for key in (good[0] if good else ())}
        if failures:
            result[server]["failures"] = {"runs": len(failures), "of": len(runs),
                                          "first": failures[0].splitlines()[0][:200]}
        ratios = [own[first] / base[first] for own, base in zip(runs, samples.get(baseline, ()))
                  if base.get(first) and first in own]
        if ratios:
            result[server]["ratio"] = {"median": median(ratios), "spread": spread(ratios)}
    return result


def resolution(summary, baseline):
    """The noise floor of this run: how far the baseline is from itself, or its spread if larger."""
    ratio = summary.get(baseline + " again", {}).get("ratio")
    return max(abs(ratio["median"] - 1), ratio["spread"]) if ratio else 0.0
