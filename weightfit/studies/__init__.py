"""What a question of the paper asks of fits and histograms, one module each."""
