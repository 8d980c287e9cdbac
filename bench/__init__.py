"""Benchmarks: this broker and its peers, side by side in one run, as ratios. `make bench` runs them all.

No assertion depends on a time; the figures are for people.
"""
