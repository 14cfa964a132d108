"""A benchmark (`Benchmark`): a module of bench/benchmarks/ with a docstring and these names.

MEASURE         which way of measure.MEASURES
SERVERS         names of servers.SERVERS, or {name: Server}
BASELINE        the baseline of the ratios, if not bare epoll; may be absent. "BASELINE again", if
                it is one of SERVERS, gives the noise floor of the run
CASES           {name of a case: options of the load generator, or of the program}
COLUMNS         for "program": [Column]; ratios are of the first
MESSAGE_BYTES   the servers answer each message of this size by a write of its own; may be absent
TARGETS         {server: {case: {figure or "ratio": at most}}}; may be absent
CAUSES          {case: why a target is missed there or a peer ahead, for the page}; may be absent
SECONDS         for "program": how long one takes, so that a run can be planned
QUICK           the cases for --quick, all if absent
"""

import importlib.util
from contextlib import ExitStack
from pathlib import Path

from harness.measure import MEASURES
from harness.process import Failed
from harness.servers import BASELINE, SERVERS

FOLDER = Path(__file__).parent.parent / "benchmarks"


class Benchmark:
    def __init__(self, path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.name = path.stem
        self.title = module.__doc__.strip()
        self.measure = MEASURES[module.MEASURE]
        self.columns = getattr(module, "COLUMNS", self.measure.columns)
        self.baseline = getattr(module, "BASELINE", BASELINE)
        self.servers = (module.SERVERS if isinstance(module.SERVERS, dict)
                        else {name: SERVERS[name] for name in module.SERVERS})
        self.cases = module.CASES
        self.message_bytes = getattr(module, "MESSAGE_BYTES", 0)
        self.targets = getattr(module, "TARGETS", {})
        self.causes = getattr(module, "CAUSES", {})
        self.seconds = getattr(module, "SECONDS", 1)
        self.quick = getattr(module, "QUICK", tuple(self.cases))

    def server_options(self):
        return ("--message", str(self.message_bytes)) if self.message_bytes else ()

    def why_not(self, name, build):
        """Why this server cannot run the benchmark here; empty when it can."""
        server = self.servers[name]
        if self.message_bytes and not server.can_answer_each:
            return "has no way to answer each message by itself"
        return server.why_not(build)

    def run(self, servers, cases, settings, progress):
        """{case: {server: [figures of each run]}}, the servers in the order A B C A B C. All cases
        have a start before any has its next: a minute in which the machine is slow affects all."""
        samples = {case: {name: [] for name in servers} for case in cases}
        for start in range(settings.starts):
            for case in cases:
                with ExitStack() as kept:
                    measures = {name: self._start(kept, name, settings) for name in servers}
                    for run in range(settings.runs):
                        number = start * settings.runs + run + 1
                        progress(f"{self.name}: {case}, {number} of "
                                 f"{settings.starts * settings.runs}")
                        for name in servers:
                            samples[case][name].append(self._figures(measures, name, case))
        return samples

    def _start(self, kept, name, settings):
        try:
            return kept.enter_context(self.measure.keep(
                self.servers[name], self.server_options(), settings))
        except Failed as failure:
            return _failing(str(failure))

    def _figures(self, measures, name, case):
        try:
            return measures[name](self.cases[case])
        except Failed as failure:
            # It is left out until the next start, so a server that hangs costs one timeout a start.
            measures[name] = _failing(str(failure))
            return {"failed": str(failure)}


def _failing(why):
    def fail(_):
        raise Failed(why)
    return fail


def all_benchmarks():
    return {path.stem: Benchmark(path) for path in sorted(FOLDER.glob("*.py"))}
