"""The plots of the page, drawn by gnuplot."""

import shutil
import subprocess

from harness.servers import OURS, SERVERS

# The same server has the same colour in every plot; ours stands out, the baseline is black.
COLOURS = ("#7f9fb6", "#4e79a7", "#59a14f", "#b07aa1", "#edc948", "#9c755f", "#76b7b2", "#8cd17d",
           "#d4a6c8", "#f1a340", "#bab0ac", "#6b6ecf", "#b5cf6b", "#bd9e39", "#e377c2", "#17becf")
OUR_COLOUR, BASELINE_COLOUR = "#d62728", "#000000"

STYLE = """\
set terminal svg size {width},{height} noenhanced background "white" font "sans-serif,13"
set output {path}
set title {title}
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key outside right top
"""


def quoted(text):
    return "'" + str(text).replace("'", "''") + "'"


class Lines:
    """The ratio to the baseline in the cases of one message size, by the number of connections."""

    def __init__(self, title, size, most):
        self.title, self.size, self.most = title, size, most

    def script(self, result):
        cases = {case["load"]["connections"]: case["summary"] for case in result["cases"].values()
                 if case["load"].get("size") == self.size}
        blocks, curves = [], []
        for name in servers(result):
            points = [f"{count} {summary[name]['ratio']['median']:.4g}"
                      for count, summary in sorted(cases.items()) if "ratio" in summary.get(name, {})]
            if not points:
                continue
            block = f"$curve{len(blocks)}"
            blocks.append("\n".join([f"{block} << EOD", *points, "EOD\n"]))
            curves.append(f"{block} using 1:2 with linespoints pt 7 ps {1 if name == OURS else .6} "
                          f"lw {3 if name == OURS else 1.5} lc rgb '{colour(name, result)}' "
                          f"title {quoted(name)}")
        return ("".join(blocks) + "set logscale x\nset xlabel 'connections'\nset xrange [0.8:1250]\n"
                f"set ylabel 'times {result['baseline']} (what is beyond {self.most:g} is in the table)'\n"
                f"set yrange [0.8:{self.most}]\nplot {', '.join(curves)}\n")


class Bars:
    """Several figures side by side, with a bar for each server."""

    def __init__(self, title, columns, scale, unit, logarithmic=False):
        self.title, self.columns, self.scale, self.unit = title, columns, scale, unit
        self.logarithmic = logarithmic

    def groups(self, result):
        """{label: {server: figure}}: named columns of the only case, or the first of each."""
        if self.columns:
            (outcome,) = result["cases"].values()
            titles = {column["key"]: column["title"] for column in result["columns"]}
            return {titles[key]: {name: figures.get(key) for name, figures in outcome["summary"].items()}
                    for key in self.columns}
        key = result["columns"][0]["key"]
        return {case: {name: figures.get(key) for name, figures in outcome["summary"].items()}
                for case, outcome in result["cases"].items()}

    def script(self, result):
        groups = self.groups(result)
        names = servers(result)
        rows = []
        for label, figures in groups.items():
            values = [f"{figures[name]['median'] / self.scale:.4g}" if figures.get(name) else "nan"
                      for name in names]
            rows.append(" ".join(['"' + label.replace(", ", ",\\n") + '"', *values]))
        bars = ", ".join(
            f"$bars using {number + 2}:xtic(1) title {quoted(name)} lc rgb '{colour(name, result)}'"
            for number, name in enumerate(names))
        scale = "set logscale y" if self.logarithmic else "set yrange [0:*]"
        return "\n".join(["$bars << EOD", *rows, "EOD", "set style data histograms",
                          "set style histogram clustered gap 1", "set style fill solid noborder",
                          f"set xrange [-0.6:{len(groups) - 0.4}]", scale,
                          f"set ylabel {quoted(self.unit)}", f"plot {bars}", ""])


PLOTS = {
    "echo": Lines("Echo of 64 B, one in flight on each connection: CPU of the server a message",
                  size=64, most=3),
    "memory": Bars("What a connection keeps resident in the server", (), 1024, "KiB a connection",
                   logarithmic=True),
    "http": Bars("HTTP: CPU of the server a request", (), 1e3, "µs a request"),
    "datagrams": Bars("Datagrams echoed: CPU of the server for each", (), 1e3, "µs a datagram"),
    "timers": Bars("Timers and deadlines, a million live", ("touch", "arm", "start", "restart",
                                                           "cancel"), 1, "ns", logarithmic=True),
    "post": Bars("Work posted by other threads", ("one_producer", "two_producers"), 1, "ns a post"),
}


def servers(result):
    """The servers of all cases, in order, without the second run of the baseline."""
    first = next(iter(result["cases"].values()))["summary"]
    return [name for name in first if name != result["baseline"] + " again"]


def colour(name, result):
    if name == OURS:
        return OUR_COLOUR
    if name == result["baseline"]:
        return BASELINE_COLOUR
    known = [server for server in SERVERS if server != OURS]
    return COLOURS[(known if name in known else servers(result)).index(name) % len(COLOURS)]


def drawn(stored):
    """{benchmark: title} of the plots that these results make."""
    return {name: plot.title for name, plot in PLOTS.items() if name in stored}


def draw(stored, folder):
    if not shutil.which("gnuplot"):
        raise SystemExit("the plots need gnuplot (Debian package gnuplot-nox)")
    for name in drawn(stored):
        plot = PLOTS[name]
        script = STYLE.format(path=quoted(folder / f"{name}.svg"), title=quoted(plot.title),
                              width=960, height=420) + plot.script(stored[name])
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
