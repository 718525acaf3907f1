"""The audit: every printed number and claim beside what comes out, with a verdict, its evidence, and a page of it."""
