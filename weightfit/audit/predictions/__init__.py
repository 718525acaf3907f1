"""Predictions of the printed numbers that wait for the paper's own weights, and what came out beside them."""
