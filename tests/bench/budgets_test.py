"""The cost of a message in instructions and system calls does not exceed bench/budgets.json."""

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))
from harness import budgets  # noqa: E402

BUILD = ROOT / "build-bench"  # The suite's own build is not optimised as a release is.
ATTEMPTS = 10
WHY_NOT = budgets.why_not(BUILD)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class AMessage(unittest.TestCase):
    def test_costs_no_more_than_its_budget(self):
        recorded = json.loads(budgets.FILE.read_text())["a message"]
        self.assertEqual(set(recorded), set(budgets.CASES), "`./dev bench --budgets` records anew")
        for name, budget in recorded.items():
            with self.subTest(name):
                # A busy machine splits batches. A real increase appears in every attempt.
                for _ in range(ATTEMPTS):
                    here = budgets.measure(BUILD, name)
                    grown = budgets.grown(name, budget, here)
                    if not grown:
                        break
                self.assertFalse(grown, "\n" + "\n".join(grown) + "\nMeant so? ./dev bench --budgets")
                if here["instructions"] < budget["instructions"] * (1 - budgets.MARGIN):
                    print(f"{name}: {here['instructions']:,.0f} instructions a message, the budget is "
                          f"{budget['instructions']:,.0f}: `./dev bench --budgets` records the gain")


class TheComparison(unittest.TestCase):
    budget = {"instructions": 1000.0, "system calls": {"recvfrom": 1.0, "sendto": 1.0}}

    def test_lets_pass_what_is_within_the_margin(self):
        here = {"instructions": 1049.0, "system calls": {"recvfrom": 1.14, "sendto": 1.0}}
        self.assertEqual(budgets.grown("echo", self.budget, here), [])

    def test_says_how_many_instructions_more(self):
        here = {**self.budget, "instructions": 1100.0}
        self.assertEqual(budgets.grown("echo", self.budget, here),
                         ["echo: 1,100 instructions a message, 10.0% above the 1,000 of the budget"])

    def test_says_which_system_calls_are_new(self):
        here = {**self.budget, "system calls": {"epoll_ctl": 0.5, "recvfrom": 1.0, "sendto": 1.0}}
        self.assertEqual(budgets.grown("echo", self.budget, here),
                         ["echo: 2.50 system calls a message, 25.0% above the 2.00 of the budget: "
                          "epoll_ctl 0.00 → 0.50"])


if __name__ == "__main__":
    unittest.main()
