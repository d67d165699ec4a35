"""Measurements: quality against peers, and speed as ratios to them."""
