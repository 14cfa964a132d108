"""Writes the page of results, `docs/benchmarks.md`, from stored results alone: tables, plots, and
the sentences that state where a peer is ahead and which targets were missed."""

import json
from collections import Counter
from math import hypot
from operator import itemgetter

from harness import plots, results
from harness.measure import FORMATS
from harness.report import failures, judge, ratio, target_name
from harness.servers import OURS
from harness.stats import LEAST_SHARE, resolution

PAGE = results.ROOT / "docs/benchmarks.md"
STORED = results.ROOT / "docs/benchmarks/results.json"
BENCHMARKS = results.ROOT / "bench/benchmarks"
# A benchmark with more cases than this has a row for each case, not a column.
MOST_COLUMNS = 6
LOWER_IS_BETTER = ("ns", "bytes", "calls")


def shown(column, figures):
    value = figures.get(column["key"])
    return FORMATS[column["format"]](value["median"]) if value else ""


def row(cells):
    return "| " + " | ".join(cells) + " |"


def marked(name, baseline):
    if name == OURS:
        return f"**{name}**"
    return f"*{name}*" if name in (baseline, baseline + " again") else name


def table(result):
    """All cases of a benchmark as one Markdown table."""
    baseline, columns, cases = result["baseline"], result["columns"], result["cases"]
    servers = list(next(iter(cases.values()))["summary"])
    if len(cases) == 1:
        (outcome,) = cases.values()
        head = ["", *(column["title"] for column in columns), f"to {baseline}"]
        rows = [[marked(name, baseline), *(shown(column, figures) for column in columns),
                 ratio(figures)] for name, figures in outcome["summary"].items()]
    else:
        def both(case, name):
            figures = cases[case]["summary"].get(name, {})
            return " · ".join(filter(None, [shown(columns[0], figures), ratio(figures, 2)]))

        if len(cases) > MOST_COLUMNS:
            head = ["", *(marked(name, baseline) for name in servers)]
            rows = [[case, *(both(case, name) for name in servers)] for case in cases]
        else:
            head = ["", *cases]
            rows = [[marked(name, baseline), *(both(case, name) for case in cases)]
                    for name in servers]
    lines = [row(head), "|---|" + "---:|" * (len(head) - 1), *map(row, rows)]
    return "\n".join(lines)


def notes(result):
    """What the table of a benchmark does not show: failures, and the noise floor of the run."""
    lines = []
    for case, outcome in result["cases"].items():
        for name, figures in outcome["summary"].items():
            if failures(figures):
                lines.append(f"- {case}, {name}: {failures(figures)}")
    blurs = {case: resolution(outcome["summary"], result["baseline"])
             for case, outcome in result["cases"].items()}
    if max(blurs.values()) >= 0.001:
        case = max(blurs, key=blurs.get)
        lines.append(f"- The noise floor is {blurs[case]:.3f} ({case}): "
                     "two runs of the baseline differ by so much.")
    return "\n".join(lines)


def compared(result):
    """The figures that are compared: the first, and for a program that measures itself the others,
    which are separate results."""
    first, *others = result["columns"]
    own = [column for column in others if column["format"] in LOWER_IS_BETTER]
    return [first, *own] if result["measure"] == "program" else [first]


def ahead(result):
    """(case, label, {server: how much less it needs than the library}) of each figure in which any
    other server needs less, by more than the noise floor."""
    for case, outcome in result["cases"].items():
        blur = resolution(outcome["summary"], result["baseline"])
        for number, column in enumerate(compared(result)):
            # A ratio exists only for the first figure.
            key = "ratio" if number == 0 else column["key"]
            figures = {name: figures[key] for name, figures in outcome["summary"].items()
                       if key in figures and not name.endswith(" again")}
            ours = figures.get(OURS)
            shares = {}
            for name, theirs in figures.items() if ours else ():
                noise = max(hypot(theirs["spread"], ours["spread"]), blur if number == 0 else 0)
                gap = ours["median"] - theirs["median"]
                if not name.startswith(OURS) and gap > max(noise, LEAST_SHARE * ours["median"]):
                    shares[name] = gap / ours["median"]
            if shares:
                yield case, f"{case} ({column['title']})" if number else case, shares


def sentences_ahead(name, result):
    """A line for each figure in which a peer is ahead, with the cause, and one for the baseline."""
    baselines, lines = {}, []
    for case, label, shares in ahead(result):
        if result["baseline"] in shares:
            baselines[label] = shares.pop(result["baseline"])
        if shares:
            peers = sorted(shares.items(), key=itemgetter(1), reverse=True)
            cause = result["cases"][case]["cause"]
            lines.append(f"- **{name}**, {label}: "
                         + ", ".join(f"{peer} by {share:.0%}" for peer, share in peers)
                         + (f". {cause}" if cause else ""))
    if baselines:
        least, most = f"{min(baselines.values()):.0%}", f"{max(baselines.values()):.0%}"
        span = f"by {most}" if least == most else f"by {least} to {most}"
        where = ", ".join(baselines) if len(baselines) <= 4 else f"in {len(baselines)} figures"
        lines.append(f"- **{name}**: the baseline, {result['baseline']}, {span}: {where}")
    return lines


def targets(result):
    """(case, target, measured value, verdict, cause) of each target."""
    for case, outcome in result["cases"].items():
        blur = resolution(outcome["summary"], result["baseline"])
        for name, wanted in outcome["targets"].items():
            figures = outcome["summary"].get(name, {})
            for key, most in wanted.items():
                if key not in figures:
                    yield case, f"{key} ≤ {most:g}", "not measured", "not measured", outcome["cause"]
                    continue
                value = figures[key]
                digits = ".3f" if value["median"] < 10 else ",.0f"
                title = (f"ratio to {result['baseline']}" if key == "ratio"
                         else target_name(key, result["columns"]))
                yield (case, f"{title} ≤ {most:.3g}",
                       f"{value['median']:{digits}}"
                       + (f" ±{value['spread']:{digits}}" if value["spread"] else ""),
                       judge(figures, key, most, blur), outcome["cause"])


def missed(stored):
    rows = [[name, case, asked, came, cause]
            for name, result in stored.items()
            for case, asked, came, judgement, cause in targets(result)
            if judgement in ("MISSED", "not measured")]
    if not rows:
        return "None."
    return "\n".join([row(["benchmark", "case", "target", "measured", "cause"]), "|---|---|---|---|---|",
                      *map(row, rows)])


def same_for_most(stored):
    """The setting that most benchmarks share, and the names of those with another."""
    settings = {name: json.dumps({key: value for key, value in result["setting"].items()
                                  if key not in ("versions", "load_before")}, sort_keys=True)
                for name, result in stored.items()}
    common = Counter(settings.values()).most_common(1)[0][0]
    return json.loads(common), [name for name in stored if settings[name] != common]


def about(stored):
    setting, others = same_for_most(stored)
    versions = {package: version for result in stored.values()
                for package, version in result["setting"]["versions"].items()}
    busiest = max(result["setting"]["load_before"] for result in stored.values())
    commands = sorted({result["command"] for result in stored.values()})
    lines = [
        ["machine", f"{setting['cpu']}, {setting['cores']} cores, Linux {setting['kernel']}"],
        ["built by", setting["compiler"]],
        ["versions", ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))],
        ["measured", f"{setting['date']}, at commit {setting['commit']}; the load average was "
                     f"{busiest:g} before"],
        ["by", ", ".join(f"`{command}`" for command in commands)],
    ]
    text = "\n".join(["| | |", "|---|---|", *map(row, lines)])
    if others:
        text += "\n\nMeasured at another time or on another machine, named there: " + ", ".join(others) + "."
    return text, others


def section(name, result, elsewhere=False):
    runs = result["starts"] * result["runs"]
    how = f"`./dev bench {name}`, {runs} {'run' if runs == 1 else 'runs'} of each server"
    if elsewhere:
        setting = result["setting"]
        how += (f"; {setting['date']}, commit {setting['commit']}, {setting['cpu']}, "
                f"Linux {setting['kernel']}, {setting['compiler']}")
    first = result["columns"][0]["title"]
    if len(result["cases"]) > 1:
        how += f". In the table: {first} · ratio to {result['baseline']}"
    parts = [f"### {name}", result["title"], how + ".", table(result), notes(result)]
    return "\n\n".join(filter(None, parts))


def page(stored):
    setting, others = about(stored)
    lines = [line for name, result in stored.items() for line in sentences_ahead(name, result)]
    drawn = [f"![{title}](benchmarks/{name}.svg)" for name, title in plots.drawn(stored).items()]
    parts = [
        "# Benchmarks",
        "What the library costs, compared with the kernel used by hand and with other libraries, each "
        "used in its fastest way. `./dev bench --page` generates this page, sentences included, from "
        "[stored results](benchmarks/results.json); `./dev bench` measures again. "
        "[How it is measured, and how to read it](../bench/README.md).",
        setting,
        *drawn,
        "## Where another server is ahead",
        "How much less it needs than the library, where that is more than one in a hundred and more "
        "than the noise floor. The baseline of a benchmark is what its ratios are relative to, in most "
        "cases the kernel, used by hand for this one purpose.",
        "\n".join(lines) or "Nowhere.",
        "## Targets that were missed",
        missed(stored),
        "## All results",
        *(section(name, result, name in others) for name, result in stored.items()),
    ]
    return "\n\n".join(parts) + "\n"


def publish(folder):
    """Merges the last measurements into the stored results, and writes the page and its plots."""
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    stored |= {name: results.compact(result) for name, result in results.read_all(folder).items()}
    stored = {name: stored[name] for name in sorted(stored) if (BENCHMARKS / f"{name}.py").exists()}
    if not stored:
        raise SystemExit(f"nothing was measured yet: neither {folder} nor {STORED} holds a result")
    results.write(STORED, stored)
    plots.draw(stored, STORED.parent)
    PAGE.write_text(page(stored))
    return PAGE
