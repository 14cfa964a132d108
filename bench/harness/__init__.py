"""The parts of `bench/run.py`: servers, ways to measure them, and reports."""
