"""The maximum user instructions and system calls for a message; other processes hardly change them.
The suite compares with the recorded figures; `./dev bench --budgets` records new ones."""

import json
import platform
import shutil
import subprocess
from pathlib import Path

from harness import results
from harness.measure import Instructions, SystemCalls
from harness.servers import Server

FILE = results.ROOT / "bench/budgets.json"
MARGIN = 0.05  # For a compiler's patch level and a few instructions of the C library, no more.
CALLS_MARGIN = 0.05  # In addition, a batch may arrive in two parts on a busy machine.

ECHO = Server("echo_server")
FRAMED = Server("echo_server", ("--framing", "length-prefixed"))
COROUTINE = Server("coroutine_echo_server")
COROUTINE_FRAMED = Server("coroutine_echo_server", ("--framing", "length-prefixed"))
HTTP = Server("http_server")
UDP = Server("datagram_server")

# One connection, so that all runs are the same: one iteration of the loop for each round.
CASES = {
    "echo": (ECHO, {"connections": 1, "size": 64}),
    "framed echo": (FRAMED, {"protocol": "length-prefixed", "connections": 1, "size": 64}),
    "framed echo, 16 in flight": (FRAMED, {"protocol": "length-prefixed", "connections": 1,
                                           "size": 64, "pipeline": 16, "batch": True}),
    "echo by coroutine": (COROUTINE, {"connections": 1, "size": 64}),
    "framed echo by coroutine": (COROUTINE_FRAMED, {"protocol": "length-prefixed",
                                                    "connections": 1, "size": 64}),
    "HTTP": (HTTP, {"protocol": "http", "connections": 1}),
    "HTTP, 16 in flight": (HTTP, {"protocol": "http", "connections": 1, "pipeline": 16,
                                  "batch": True}),
    "UDP": (UDP, {"protocol": "udp", "connections": 1, "size": 64}),
    "UDP, 16 in flight": (UDP, {"protocol": "udp", "connections": 1, "size": 64, "pipeline": 16}),
}


class FewInstructions(Instructions):
    few, many = 512, 2560


class FewCalls(SystemCalls):
    few, many = 256, 1280


def measured_on(build):
    """What the counts depend on."""
    return {"compiler": results.compiler(build), "machine": platform.machine()}


def why_not(build):
    """Why the budgets cannot be checked with this build folder; empty when they can."""
    for tool, probe in (("valgrind", ["--tool=none", "-q"]), ("strace", ["-c", "-o", "/dev/null"])):
        if not shutil.which(tool):
            return f"no {tool} (Debian package {tool})"
        if subprocess.run([tool, *probe, "true"], capture_output=True, check=False).returncode != 0:
            return f"{tool} may not trace here"
    if not (build / "bench/load/load").exists():
        return f"no {build.name}: `./dev test` or `./dev bench` builds it"
    wanted, here = json.loads(FILE.read_text())["measured on"], measured_on(build)
    if wanted != here:
        return f"the budgets are those of {' on '.join(wanted.values())}, " \
               f"this is {' on '.join(here.values())}"
    stale = subprocess.run(["ninja", "-C", str(build), "-n", "budgets"], capture_output=True, text=True,
                           check=False)
    if "no work to do" not in stale.stdout:
        return f"{build.name} is older than its sources"
    return ""


def measure(build, name):
    """{"instructions": of one message, "system calls": {name: of one message}} of a case."""
    server, case = CASES[name]
    command = server.command(build)
    instructions = FewInstructions().count_each(command, build, case)
    calls = FewCalls().calls_each(command, build, case)
    return {"instructions": round(instructions, 1),
            "system calls": {call: round(count, 4) for call, count in sorted(calls.items())
                             if count > 0.0005}}


def grown(name, budget, here):
    """Sentences that state by how much a case exceeds its budget."""
    sentences = []
    before, now = budget["instructions"], here["instructions"]
    if now > before * (1 + MARGIN):
        sentences.append(f"{name}: {now:,.0f} instructions a message, {now / before - 1:.1%} above "
                         f"the {before:,.0f} of the budget")
    old, new = budget["system calls"], here["system calls"]
    before, now = sum(old.values()), sum(new.values())
    if now > before * (1 + MARGIN) + CALLS_MARGIN:
        changes = ", ".join(f"{call} {old.get(call, 0):.2f} → {new.get(call, 0):.2f}"
                            for call in sorted(old.keys() | new.keys())
                            if new.get(call, 0) > old.get(call, 0) * (1 + MARGIN))
        sentences.append(f"{name}: {now:.2f} system calls a message, {now / before - 1:.1%} above the "
                         f"{before:.2f} of the budget: {changes}")
    return sentences


def record(build):
    """Measures all cases and stores the figures as the budgets."""
    results.write(FILE, {"measured on": measured_on(build),
                         "a message": {name: measure(build, name) for name in CASES}}, depth=2)
    return FILE
