"""The paper's estimator, its standard errors, and the values that Gaussian weights would give."""
