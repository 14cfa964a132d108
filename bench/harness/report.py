"""Results for people, as a table, and for programs, as JSON."""

import datetime
import json
import os
import platform
import re
import subprocess
from pathlib import Path

from harness.measure import FORMATS
from harness.stats import resolution

VERSIONS = {"libuv": "libuv1-dev", "asio": "libasio-dev", "libevent": "libevent-dev",
            "libev": "libev-dev", "liburing": "liburing-dev", "node": "nodejs", "gcc": "g++"}


def machine():
    """What the figures were measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "python": platform.python_version(),
            "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "commit": _output("git", "-C", str(Path(__file__).parent), "describe", "--always",
                              "--dirty"),
            "packages": {name: _output("dpkg-query", "-W", "-f=${Version}", package)
                         for name, package in VERSIONS.items()}}


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def verdict(figures, targets, unresolved):
    """What became of a server's targets in this cell, in words."""
    words = []
    for key, most in targets.items():
        value = figures[key]["median"]
        slack = unresolved if key == "ratio" else 0
        if value <= most:
            outcome = "reached"
        elif value <= most + slack:
            outcome = f"reached within ±{slack:.2f}"
        else:
            outcome = "MISSED"
        name = "" if key == "ratio" else key.replace("_ns", "") + " "
        words.append(f"{name}≤ {most:g}: {outcome}")
    return ", ".join(words)


def table(question, cell, summaries):
    """One cell of a question as lines of text."""
    unresolved = resolution(summaries.get(question.limit + " again"))
    rows = [["", *(column.title for column in question.columns), "ratio", ""]]
    for server, figures in summaries.items():
        if "failed" in figures:
            rows.append([server, *[""] * (len(question.columns) + 1),
                         "failed: " + figures["failed"].splitlines()[0][:100]])
            continue
        row = [server + (" (the limit)" if server == question.limit else "")]
        row += [FORMATS[column.format](figures[column.key]["median"])
                for column in question.columns]
        ratio = figures.get("ratio")
        row.append(f"{ratio['median']:.3f} ±{ratio['spread']:.3f}" if ratio else "")
        row.append(verdict(figures, question.targets.get(server, {}).get(cell, {}), unresolved))
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [f"  {cell}"]
    for row in rows:
        padded = [row[0].ljust(widths[0])]
        padded += [text.rjust(width) for text, width in zip(row[1:-1], widths[1:])]
        lines.append(("    " + "  ".join(padded) + "  " + row[-1]).rstrip())
    return "\n".join(lines)


def write_json(folder, question, samples, summaries, settings):
    folder.mkdir(parents=True, exist_ok=True)
    result = {"question": question.name, "title": question.title, "machine": machine(),
              "starts": settings.starts, "turns": settings.turns, "seconds": settings.seconds,
              "columns": [vars(column) for column in question.columns],
              "cells": {cell: {"load": question.cells[cell], "summary": summaries[cell],
                               "targets": {server: targets[cell]
                                           for server, targets in question.targets.items()
                                           if cell in targets},
                               "samples": samples[cell]} for cell in samples}}
    path = folder / f"{question.name}.json"
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return path
