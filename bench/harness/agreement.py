"""Compares two runs: which of their ratios differ by more than both spreads."""

from math import hypot

from harness.stats import LEAST_SHARE, resolution


def ratios(result):
    """{(case, server): (median, spread, noise floor of the run)} of one benchmark."""
    found = {}
    for case, outcome in result["cases"].items():
        blur = resolution(outcome["summary"], result["baseline"])
        for server, figures in outcome["summary"].items():
            if "ratio" in figures and server != result["baseline"]:
                ratio = figures["ratio"]
                found[case, server] = ratio["median"], ratio["spread"], blur
    return found


def compare(before, after):
    """The number of ratios that both runs have, and those that differ: (benchmark, case, server, in
    the first run, in the second run)."""
    count, differ = 0, []
    for name in sorted(before.keys() & after.keys()):
        one, other = ratios(before[name]), ratios(after[name])
        for key in one.keys() & other.keys():
            count += 1
            (a, spread_a, blur_a), (b, spread_b, blur_b) = one[key], other[key]
            noise = max(hypot(spread_a, spread_b), blur_a, blur_b, LEAST_SHARE * a)
            if abs(a - b) > noise:
                differ.append((name, *key, f"{a:.3f} ±{spread_a:.3f}", f"{b:.3f} ±{spread_b:.3f}"))
    return count, sorted(differ)


def report(before, after):
    """The result of the comparison as text. By chance, one ratio in twenty differs."""
    count, differ = compare(before, after)
    lines = [f"{name}, {case}: {server} {one}, now {other}"
             for name, case, server, one, other in differ]
    same = count - len(differ)
    lines.append(f"{same} of {count} ratios are the same within both spreads"
                 + (f" ({same / count:.1%})" if count else ""))
    return "\n".join(lines)
