#!/usr/bin/env python3
"""The cost of a loop that another one hosts, and of more threads than cores, as ratios of the CPU
time of an echo. All servers are measured in turn, so that a busy machine disturbs all alike.

    hosts.py BUILD [ROUNDS]    BUILD: build-bench, as ./dev bench builds it
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MESSAGES = 40_000
RUN = """
#include "samples/hosting/echo_service.hpp"
int main() {
  reactor::Loop loop;
  const EchoService service(loop);
  loop.run();
}
"""
THREADS = """
#include <reactor/serve_on_threads.hpp>
#include <reactor/server.hpp>
#include <cstdio>
#include <cstdlib>
#include <list>
struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};
struct Site {
  reactor::Result<reactor::Address> listen(const std::string& endpoint) {
    auto server = reactor::Server<Echo>::listen(loop, endpoint, {.listen = {.reuse_port = true}});
    if (!server) return reactor::Failure(server.error());
    servers.push_back(std::move(*server));
    return servers.back().address();
  }
  void drain() {
    for (auto& server : servers) server.drain();
  }
  reactor::Loop& loop;
  std::list<reactor::Server<Echo>> servers;
};
int main(int, char** argv) {
  const auto served = reactor::serve_on_threads(
      {"127.0.0.1:0"}, std::strtoul(argv[1], nullptr, 10),
      [](reactor::Loop& loop) { return Site{loop, {}}; },
      [](const auto& addresses) {
        std::printf("listening on %s\\n", addresses[0].to_string().c_str());
        std::fflush(stdout);
      });
  return served ? 0 : 1;
}
"""


def compile_program(build, source, output):
    package = (build / "meson-private/uvreactor.pc").read_text()
    needs = re.search(r"^Libs.private: (.*)", package, re.MULTILINE)[1].split()
    glib = subprocess.run(["pkg-config", "--cflags", "--libs", "glib-2.0"], check=True, text=True,
                          capture_output=True).stdout.split()
    subprocess.run(["g++", "-std=c++20", "-O2", "-DNDEBUG", f"-I{ROOT}", source,
                    build / "libuvreactor.a", *needs, *glib, "-o", output], check=True)


def measure(build, command, connections):
    """Microseconds of CPU time, and messages a second."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        address = server.stdout.readline().split()[2]
        load = subprocess.run([build / "bench/load/load", address, "-c", str(connections), "-n",
                               str(MESSAGES), "--json"], check=True, capture_output=True, text=True)
        server.send_signal(signal.SIGTERM)
        _, _, used = os.wait4(server.pid, 0)
        server.returncode = 0
    rate = json.loads(load.stdout)["messages_per_second"]
    return (used.ru_utime + used.ru_stime) / MESSAGES * 1e6, rate


def compare(build, title, servers, connections, rounds):
    """Prints the medians of ratios to the first server, of pairs that ran after each other."""
    ratios = {name: [] for name in servers}
    for _ in range(rounds):
        here = {name: measure(build, command, connections) for name, command in servers.items()}
        base = next(iter(here.values()))
        for name, (cpu, rate) in here.items():
            ratios[name].append((cpu / base[0], rate / base[1]))
    print(f"{title}, {connections} connections: CPU time and rate relative to the first")
    for name, pairs in ratios.items():
        cpu, rate = (statistics.median(each) for each in zip(*pairs))
        print(f"  {name:12} {cpu:.2f} {rate:.2f}", flush=True)


def main():
    build, rounds = Path(sys.argv[1]).resolve(), int((sys.argv[2:] or ["15"])[0])
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("run", RUN), ("threads", THREADS)):
            Path(folder, f"{name}.cpp").write_text(text)
            compile_program(build, f"{folder}/{name}.cpp", f"{folder}/{name}")
        for name in ("epoll", "glib"):
            compile_program(build, ROOT / f"samples/hosting/{name}_host.cpp", f"{folder}/{name}")
        hosts = {"run()": [f"{folder}/run"], "epoll": [f"{folder}/epoll"], "GLib": [f"{folder}/glib"]}
        for connections in (1, 64):
            compare(build, "hosts", hosts, connections, rounds)
        threads = {f"{n} threads": [f"{folder}/threads", str(n)] for n in (2, 4)}
        compare(build, "threads", threads, 64, rounds)


if __name__ == "__main__":
    main()
