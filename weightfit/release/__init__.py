"""What npm-weibull-py 0.4.0 does, and how ours compares."""
