"""The released database, and what its medians can give."""
