"""The functions of npm-weibull-py 0.4.0, and their comparison with those of this project."""
