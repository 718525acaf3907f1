"""The estimator of the paper, its errors, and what Gaussian weights would give."""
