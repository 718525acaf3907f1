"""What printed text means as numbers."""

from weightfit.audit.printed.meaning import Printed, Sort, canonical, parse, read, read_all

__all__ = ["Printed", "Sort", "canonical", "parse", "read", "read_all"]
