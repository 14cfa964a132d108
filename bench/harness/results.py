"""The results of a benchmark: as JSON with every sample in bench/results/, and without the samples
beside the page that is generated from them."""

import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path

from harness.stats import summary

ROOT = Path(__file__).resolve().parents[2]
LOAD_BEFORE = round(os.getloadavg()[0], 1)  # Load of other processes when the run began.


def setting(build, benchmark, servers):
    """The machine, kernel and versions of a measurement."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = {"libuv1-dev"} | {benchmark.servers[name].package for name in servers} - {""}
    return {"date": datetime.date.today().isoformat(),
            "commit": _output("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
            "cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "load_before": LOAD_BEFORE, "compiler": compiler(build),
            "versions": {name: version for name in sorted(packages)
                         if (version := _output("dpkg-query", "-W", "-f=${Version}", name))}}


def compiler(build):
    """`g++ 12.2.0, release`; empty if there is no such build."""
    try:
        commands = json.loads((build / "compile_commands.json").read_text())
        options = json.loads((build / "meson-info/intro-buildoptions.json").read_text())
    except OSError:
        return ""
    name = next(word for word in commands[0]["command"].split() if word != "ccache")
    version = _output(name, "-dumpfullversion", "-dumpversion")
    built = next(option["value"] for option in options if option["name"] == "buildtype")
    return f"{Path(name).name} {version}, {built}"


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def result_of(benchmark, samples, settings, command):
    """One benchmark with its results, ready for JSON."""
    servers = next(iter(samples.values()), {})
    return {"benchmark": benchmark.name, "title": benchmark.title, "baseline": benchmark.baseline,
            "measure": benchmark.measure.name, "command": command,
            "setting": setting(settings.build, benchmark, servers),
            "starts": settings.starts, "runs": settings.runs, "seconds": settings.seconds,
            "columns": [vars(column) for column in benchmark.columns],
            "cases": {case: {"load": benchmark.cases[case],
                             "targets": {server: targets[case]
                                         for server, targets in benchmark.targets.items()
                                         if case in targets},
                             "cause": benchmark.causes.get(case, ""),
                             "summary": summary(runs, benchmark.baseline, benchmark.columns[0].key),
                             "samples": runs}
                      for case, runs in samples.items()}}


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def compact(result):
    """The same without samples, and without figures that no table shows."""
    keys = {column["key"] for column in result["columns"]} | {"ratio", "failures"}
    cases = {case: {**{key: outcome[key] for key in ("load", "targets", "cause")},
                    "summary": {server: _rounded({key: figures[key] for key in figures
                                                  if key in keys})
                                for server, figures in outcome["summary"].items()}}
             for case, outcome in result["cases"].items()}
    return {**result, "cases": cases}


def to_json(value, depth=5, indent=0):
    """JSON with a line for each value down to this depth, readable and easy to diff."""
    if not isinstance(value, dict) or depth == 0 or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = ",\n".join(" " * (indent + 1) + json.dumps(key, ensure_ascii=False) + ": "
                       + to_json(item, depth - 1, indent + 1) for key, item in value.items())
    return "{\n" + inner + "\n" + " " * indent + "}"


def write(path, value, depth=5):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(value, depth) + "\n")


def read_all(folder):
    """{name: result} of the last measurements."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
