"""Judge what the paper claims in words."""
