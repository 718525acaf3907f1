"""The audit: every printed number beside what comes out, with a verdict, its evidence and the readings behind it."""
