"""The page of results: true to the stored figures, and honest where a peer is ahead."""

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from harness import agreement, page, results, stats  # noqa: E402


def figures(median, ratio, spread=0.01):
    return {"cpu_ns": {"median": median, "spread": 10},
            "ratio": {"median": ratio, "spread": spread}}


def result(summary, **more):
    return {"benchmark": "echo", "title": "What does it cost?", "baseline": "epoll", "measure": "load",
            "command": "./dev bench", "starts": 2, "runs": 3, "seconds": 0.1,
            "setting": {"date": "2026-01-02", "commit": "abc", "cpu": "A CPU", "cores": 2,
                        "kernel": "6.1", "load_before": 0.1, "compiler": "gcc 12", "versions": {"libuv1-dev": "1.44"}},
            "columns": [{"key": "cpu_ns", "title": "CPU a message", "format": "ns"}],
            "cases": {"1 connection": {"load": {"connections": 1, "size": 64},
                                       "targets": {"uvreactor": {"ratio": 1.0}},
                                       "cause": "It sleeps", "summary": summary, **more}}}


class ThePage(unittest.TestCase):
    def test_is_the_one_that_the_stored_results_make(self):
        if not page.STORED.exists():
            self.skipTest("no results are stored")
        self.assertEqual(page.PAGE.read_text(), page.page(json.loads(page.STORED.read_text())),
                         "`./dev bench --page` generates it")

    def test_names_a_peer_that_is_ahead_by_more_than_the_run_can_miss(self):
        said = page.sentences_ahead("echo", result({"epoll": figures(1000, 1.0),
                                                 "epoll again": figures(1000, 1.005),
                                                 "uvreactor": figures(1250, 1.25),
                                                 "nimble": figures(1000, 1.0),
                                                 "equal": figures(1240, 1.24),
                                                 "slow": figures(2000, 2.0)}))
        self.assertEqual(said, ["- **echo**, 1 connection: nimble by 20%. It sleeps",
                                "- **echo**: the baseline, epoll, by 20%: 1 connection"])

    def test_lists_a_target_that_was_missed_with_its_cause(self):
        summary = {"epoll": figures(1000, 1.0), "uvreactor": figures(1100, 1.1)}
        self.assertEqual(list(page.targets(result(summary))),
                         [("1 connection", "ratio to epoll ≤ 1", "1.100 ±0.010", "MISSED",
                           "It sleeps")])
        summary["epoll again"] = figures(1000, 1.2)
        self.assertEqual([judged for *_, judged, _ in page.targets(result(summary))],
                         ["reached within ±0.20"])

    def test_shows_runs_that_failed(self):
        failing = {**figures(900, 0.9),
                   "failures": {"runs": 2, "of": 6, "first": "load: no end after 10 s"}}
        text = page.page({"echo": result({"epoll": figures(1000, 1.0), "uvreactor": figures(900, 0.9),
                                          "libuv": failing})})
        self.assertIn("1 connection, libuv: 2 of 6 runs failed: load: no end after 10 s", text)

    def test_survives_a_server_that_never_answered(self):
        silent = {"failures": {"runs": 6, "of": 6, "first": "did not start"}}
        text = page.page({"echo": result({"epoll": figures(1000, 1.0), "uvreactor": silent})})
        self.assertIn("not measured", text)

    def test_forgets_samples_and_nothing_else(self):
        whole = result({"epoll": {**figures(1000, 1.0), "load_core": {"median": 1, "spread": 0}}},
                       samples={"epoll": [{"cpu_ns": 1000}]})
        small = results.compact(whole)
        self.assertNotIn("samples", small["cases"]["1 connection"])
        self.assertEqual(page.page({"echo": small}), page.page({"echo": whole}))
        self.assertEqual(json.loads(results.to_json(small)), small)


class TwoRuns(unittest.TestCase):
    def run_of(self, libuv, spread=0.01, again=1.0):
        return {"echo": result({"epoll": figures(1000, 1.0), "epoll again": figures(1000, again),
                                "libuv": figures(1000, libuv, spread)})}

    def test_agree_within_the_spreads_of_both(self):
        one = self.run_of(1.10, spread=0.03)
        self.assertEqual(agreement.compare(one, self.run_of(1.14, spread=0.03)), (2, []))
        self.assertEqual(agreement.compare(one, self.run_of(1.15, spread=0.03)),
                         (2, [("echo", "1 connection", "libuv", "1.100 ±0.030", "1.150 ±0.030")]))
        # A difference below the noise floor, that of two runs of the baseline, does not count.
        self.assertEqual(agreement.compare(one, self.run_of(1.15, spread=0.03, again=1.06)),
                         (2, []))

    def test_are_reported_with_their_share(self):
        self.assertEqual(agreement.report(self.run_of(1.1), self.run_of(1.2)),
                         "echo, 1 connection: libuv 1.100 ±0.010, now 1.200 ±0.010\n"
                         "1 of 2 ratios are the same within both spreads (50.0%)")
        self.assertEqual(agreement.report(self.run_of(1.1), {}),
                         "0 of 0 ratios are the same within both spreads")


class Statistics(unittest.TestCase):
    def test_runs_that_failed_are_counted(self):
        summary = stats.summary({"epoll": [{"cpu_ns": 10}, {"failed": "why\nat length"}]},
                                "epoll", "cpu_ns")
        self.assertEqual(summary["epoll"]["failures"], {"runs": 1, "of": 2, "first": "why"})
        self.assertEqual(summary["epoll"]["cpu_ns"]["median"], 10)


if __name__ == "__main__":
    unittest.main()
