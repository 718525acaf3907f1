"""Exact histograms of weights."""
