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


def setting(build, question, servers):
    """The machine, kernel and versions of a measurement."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    packages = {"libuv1-dev"} | {question.servers[name].package for name in servers} - {""}
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


def result_of(question, samples, settings, command):
    """One benchmark with its results, ready for JSON."""
    servers = next(iter(samples.values()), {})
    return {"question": question.name, "title": question.title, "limit": question.limit,
            "measure": question.measure.name, "command": command,
            "setting": setting(settings.build, question, servers),
            "starts": settings.starts, "turns": settings.turns, "seconds": settings.seconds,
            "columns": [vars(column) for column in question.columns],
            "cells": {cell: {"load": question.cells[cell],
                             "targets": {server: targets[cell]
                                         for server, targets in question.targets.items()
                                         if cell in targets},
                             "cause": question.causes.get(cell, ""),
                             "summary": summary(turns, question.limit, question.columns[0].key),
                             "samples": turns}
                      for cell, turns in samples.items()}}


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return float(f"{value:.5g}") if isinstance(value, float) else value


def compact(result):
    """The same without samples, and without figures that no table shows."""
    keys = {column["key"] for column in result["columns"]} | {"ratio", "failures"}
    cells = {cell: {**{key: answer[key] for key in ("load", "targets", "cause")},
                    "summary": {server: _rounded({key: figures[key] for key in figures
                                                  if key in keys})
                                for server, figures in answer["summary"].items()}}
             for cell, answer in result["cells"].items()}
    return {**result, "cells": cells}


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
