"""A benchmark (`Question`): a module of bench/questions/ with a docstring and these names.

MEASURE         which way of measure.MEASURES
SERVERS         names of servers.SERVERS, or {name: Server}
LIMIT           the baseline of the ratios, if not bare epoll; may be absent. "LIMIT again", if it
                is one of SERVERS, gives the noise floor of the run
CELLS           {name of a case: options of the load generator, or of the program}
COLUMNS         for "program": [Column]; ratios are of the first
MESSAGE_BYTES   the servers answer each message of this size by a write of its own; may be absent
TARGETS         {server: {cell: {figure or "ratio": at most}}}; may be absent
CAUSES          {cell: why a target is missed there or a peer ahead, for the page}; may be absent
SECONDS         for "program": how long one takes, so that a run can be planned
QUICK           the cases for --quick, all if absent
"""

import importlib.util
from contextlib import ExitStack
from pathlib import Path

from harness.measure import MEASURES
from harness.process import Failed
from harness.servers import LIMIT, SERVERS

FOLDER = Path(__file__).parent.parent / "questions"


class Question:
    def __init__(self, path):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.name = path.stem
        self.title = module.__doc__.strip()
        self.measure = MEASURES[module.MEASURE]
        self.columns = getattr(module, "COLUMNS", self.measure.columns)
        self.limit = getattr(module, "LIMIT", LIMIT)
        self.servers = (module.SERVERS if isinstance(module.SERVERS, dict)
                        else {name: SERVERS[name] for name in module.SERVERS})
        self.cells = module.CELLS
        self.message_bytes = getattr(module, "MESSAGE_BYTES", 0)
        self.targets = getattr(module, "TARGETS", {})
        self.causes = getattr(module, "CAUSES", {})
        self.seconds = getattr(module, "SECONDS", 1)
        self.quick = getattr(module, "QUICK", tuple(self.cells))

    def server_options(self):
        return ("--message", str(self.message_bytes)) if self.message_bytes else ()

    def why_not(self, name, build):
        """Why this server cannot run the benchmark here; empty when it can."""
        server = self.servers[name]
        if self.message_bytes and not server.can_answer_each:
            return "has no way to answer each message by itself"
        return server.why_not(build)

    def run(self, servers, cells, settings, progress):
        """{cell: {server: [figures of each turn]}}, the servers in the order A B C A B C. All cases
        have a start before any has its next: a minute in which the machine is slow affects all."""
        samples = {cell: {name: [] for name in servers} for cell in cells}
        for start in range(settings.starts):
            for cell in cells:
                with ExitStack() as kept:
                    measures = {name: self._start(kept, name, settings) for name in servers}
                    for turn in range(settings.turns):
                        number = start * settings.turns + turn + 1
                        progress(f"{self.name}: {cell}, {number} of "
                                 f"{settings.starts * settings.turns}")
                        for name in servers:
                            samples[cell][name].append(self._figures(measures, name, cell))
        return samples

    def _start(self, kept, name, settings):
        try:
            return kept.enter_context(self.measure.keep(
                self.servers[name], self.server_options(), settings))
        except Failed as failure:
            return _failing(str(failure))

    def _figures(self, measures, name, cell):
        try:
            return measures[name](self.cells[cell])
        except Failed as failure:
            # It is left out until the next start, so a server that hangs costs one timeout a start.
            measures[name] = _failing(str(failure))
            return {"failed": str(failure)}


def _failing(why):
    def fail(_):
        raise Failed(why)
    return fail


def all_questions():
    return {path.stem: Question(path) for path in sorted(FOLDER.glob("*.py"))}
