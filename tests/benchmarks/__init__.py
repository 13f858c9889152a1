"""Measurements (`make bench`). Medians and ratios against a named baseline in the same run, since the machines are noisy; never a test."""
