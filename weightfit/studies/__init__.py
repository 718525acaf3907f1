"""Studies: each module answers one question of the paper from fits and histograms."""
