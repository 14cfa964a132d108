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
QUESTIONS = results.ROOT / "bench/questions"
# A benchmark with more cases than this has a row for each case, not a column.
MOST_COLUMNS = 6
LOWER_IS_BETTER = ("ns", "bytes", "calls")


def shown(column, figures):
    value = figures.get(column["key"])
    return FORMATS[column["format"]](value["median"]) if value else ""


def row(cells):
    return "| " + " | ".join(cells) + " |"


def marked(name, limit):
    if name == OURS:
        return f"**{name}**"
    return f"*{name}*" if name in (limit, limit + " again") else name


def table(result):
    """All cases of a benchmark as one Markdown table."""
    limit, columns, cells = result["limit"], result["columns"], result["cells"]
    servers = list(next(iter(cells.values()))["summary"])
    if len(cells) == 1:
        (answer,) = cells.values()
        head = ["", *(column["title"] for column in columns), f"to {limit}"]
        rows = [[marked(name, limit), *(shown(column, figures) for column in columns), ratio(figures)]
                for name, figures in answer["summary"].items()]
    else:
        def both(cell, name):
            figures = cells[cell]["summary"].get(name, {})
            return " · ".join(filter(None, [shown(columns[0], figures), ratio(figures, 2)]))

        if len(cells) > MOST_COLUMNS:
            head = ["", *(marked(name, limit) for name in servers)]
            rows = [[cell, *(both(cell, name) for name in servers)] for cell in cells]
        else:
            head = ["", *cells]
            rows = [[marked(name, limit), *(both(cell, name) for cell in cells)]
                    for name in servers]
    lines = [row(head), "|---|" + "---:|" * (len(head) - 1), *map(row, rows)]
    return "\n".join(lines)


def notes(result):
    """What the table of a benchmark does not show: failures, and the noise floor of the run."""
    lines = []
    for cell, answer in result["cells"].items():
        for name, figures in answer["summary"].items():
            if failures(figures):
                lines.append(f"- {cell}, {name}: {failures(figures)}")
    blurs = {cell: resolution(answer["summary"], result["limit"])
             for cell, answer in result["cells"].items()}
    if max(blurs.values()) >= 0.001:
        cell = max(blurs, key=blurs.get)
        lines.append(f"- The noise floor is {blurs[cell]:.3f} ({cell}): "
                     "two runs of the baseline differ by so much.")
    return "\n".join(lines)


def compared(result):
    """The figures that are compared: the first, and for a program that measures itself the others,
    which are separate results."""
    first, *others = result["columns"]
    own = [column for column in others if column["format"] in LOWER_IS_BETTER]
    return [first, *own] if result["measure"] == "program" else [first]


def ahead(result):
    """(cell, label, {server: how much less it needs than the library}) of each figure in which any
    other server needs less, by more than the noise floor."""
    for cell, answer in result["cells"].items():
        blur = resolution(answer["summary"], result["limit"])
        for number, column in enumerate(compared(result)):
            # A ratio exists only for the first figure.
            key = "ratio" if number == 0 else column["key"]
            figures = {name: figures[key] for name, figures in answer["summary"].items()
                       if key in figures and not name.endswith(" again")}
            ours = figures.get(OURS)
            shares = {}
            for name, theirs in figures.items() if ours else ():
                noise = max(hypot(theirs["spread"], ours["spread"]), blur if number == 0 else 0)
                gap = ours["median"] - theirs["median"]
                if not name.startswith(OURS) and gap > max(noise, LEAST_SHARE * ours["median"]):
                    shares[name] = gap / ours["median"]
            if shares:
                yield cell, f"{cell} ({column['title']})" if number else cell, shares


def sentences_ahead(name, result):
    """A line for each figure in which a peer is ahead, with the cause, and one for the baseline."""
    limits, lines = {}, []
    for cell, label, shares in ahead(result):
        if result["limit"] in shares:
            limits[label] = shares.pop(result["limit"])
        if shares:
            peers = sorted(shares.items(), key=itemgetter(1), reverse=True)
            cause = result["cells"][cell]["cause"]
            lines.append(f"- **{name}**, {label}: "
                         + ", ".join(f"{peer} by {share:.0%}" for peer, share in peers)
                         + (f". {cause}" if cause else ""))
    if limits:
        least, most = f"{min(limits.values()):.0%}", f"{max(limits.values()):.0%}"
        span = f"by {most}" if least == most else f"by {least} to {most}"
        where = ", ".join(limits) if len(limits) <= 4 else f"in {len(limits)} figures"
        lines.append(f"- **{name}**: the baseline, {result['limit']}, {span}: {where}")
    return lines


def targets(result):
    """(cell, target, measured value, verdict, cause) of each target."""
    for cell, answer in result["cells"].items():
        blur = resolution(answer["summary"], result["limit"])
        for name, wanted in answer["targets"].items():
            figures = answer["summary"].get(name, {})
            for key, most in wanted.items():
                if key not in figures:
                    yield cell, f"{key} ≤ {most:g}", "not measured", "not measured", answer["cause"]
                    continue
                value = figures[key]
                digits = ".3f" if value["median"] < 10 else ",.0f"
                title = (f"ratio to {result['limit']}" if key == "ratio"
                         else target_name(key, result["columns"]))
                yield (cell, f"{title} ≤ {most:.3g}",
                       f"{value['median']:{digits}}"
                       + (f" ±{value['spread']:{digits}}" if value["spread"] else ""),
                       judge(figures, key, most, blur), answer["cause"])


def missed(stored):
    rows = [[name, cell, asked, came, cause]
            for name, result in stored.items()
            for cell, asked, came, judgement, cause in targets(result)
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
    turns = result["starts"] * result["turns"]
    how = f"`./dev bench {name}`, {turns} {'run' if turns == 1 else 'runs'} of each server"
    if elsewhere:
        setting = result["setting"]
        how += (f"; {setting['date']}, commit {setting['commit']}, {setting['cpu']}, "
                f"Linux {setting['kernel']}, {setting['compiler']}")
    first = result["columns"][0]["title"]
    if len(result["cells"]) > 1:
        how += f". In the table: {first} · ratio to {result['limit']}"
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
    stored = {name: stored[name] for name in sorted(stored) if (QUESTIONS / f"{name}.py").exists()}
    if not stored:
        raise SystemExit(f"nothing was measured yet: neither {folder} nor {STORED} holds a result")
    results.write(STORED, stored)
    plots.draw(stored, STORED.parent)
    PAGE.write_text(page(stored))
    return PAGE
