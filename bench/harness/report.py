"""The results of one benchmark as a table, for a terminal."""

from harness.measure import FORMATS
from harness.stats import resolution


def judge(figures, key, most, unresolved):
    """The verdict on a target: "reached", "reached within ±x" or "MISSED"."""
    value = figures[key]["median"]
    if value <= most:
        return "reached"
    if key == "ratio" and value <= most + unresolved:
        return f"reached within ±{unresolved:.2f}"
    return "MISSED"


def target_name(key, columns):
    return next((column["title"] for column in columns if column["key"] == key), key)


def verdict(figures, targets, unresolved):
    """The verdicts on a server's targets in this case, as text."""
    words = []
    for key, most in targets.items():
        name = "" if key == "ratio" else key.replace("_ns", "") + " "
        words.append(f"{name}≤ {most:g}: {judge(figures, key, most, unresolved)}")
    return ", ".join(words)


def failures(figures):
    """`3 of 24 runs failed: why`; empty if none failed."""
    failed = figures.get("failures")
    return f"{failed['runs']} of {failed['of']} runs failed: {failed['first']}" if failed else ""


def ratio(figures, digits=3):
    """`1.023 ±0.011`, without a spread if there was only one run; empty for no ratio."""
    found = figures.get("ratio")
    if not found:
        return ""
    spread = f" ±{found['spread']:.{digits}f}" if found["spread"] else ""
    return f"{found['median']:.{digits}f}{spread}"


def table(result, case):
    """One case of a benchmark as lines of text."""
    baseline, columns, outcome = result["baseline"], result["columns"], result["cases"][case]
    unresolved = resolution(outcome["summary"], baseline)
    rows = [["", *(column["title"] for column in columns), "ratio", ""]]
    for server, figures in outcome["summary"].items():
        name = server + (" (the baseline)" if server == baseline else "")
        remarks = failures(figures)
        if columns[0]["key"] not in figures:
            rows.append([name, *[""] * (len(columns) + 1), remarks])
            continue
        judged = verdict(figures, outcome["targets"].get(server, {}), unresolved)
        rows.append([name, *(FORMATS[column["format"]](figures[column["key"]]["median"])
                             for column in columns),
                     ratio(figures), "; ".join(filter(None, [judged, remarks]))])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [f"  {case}"]
    for row in rows:
        padded = [row[0].ljust(widths[0])]
        padded += [text.rjust(width) for text, width in zip(row[1:-1], widths[1:])]
        lines.append(("    " + "  ".join(padded) + "  " + row[-1]).rstrip())
    return "\n".join(lines)
