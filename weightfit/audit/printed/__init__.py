"""Interpret printed texts as numbers or labels."""

from weightfit.audit.printed.meaning import Printed, Sort, canonical, parse, read, read_all

__all__ = ["Printed", "Sort", "canonical", "parse", "read", "read_all"]
