"""Audit every printed number and claim, with a verdict and the evidence for it."""
