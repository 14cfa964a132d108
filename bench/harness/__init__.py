"""What `bench/run.py` is made of: servers, ways to measure them, and reports."""
