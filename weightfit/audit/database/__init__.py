"""Read the released database, and search the statistics that its medians can give."""
