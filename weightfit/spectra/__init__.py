"""Spectra: the singular values of a matrix, what their tail and edge say, and what Gaussian weights would give."""
