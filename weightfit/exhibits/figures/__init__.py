"""The figures of the paper, a module each."""
