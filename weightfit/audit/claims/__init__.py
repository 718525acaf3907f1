"""What the paper claims in words."""
