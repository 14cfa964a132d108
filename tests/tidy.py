#!/usr/bin/env python3
"""Keeps ARCHITECTURE.md true: each rule yields what breaks it. `tests/tidy.py [ROOT]` runs them all."""

RULES = []
