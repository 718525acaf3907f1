"""Weight files: their formats, the names of their tensors, and the sources that make them."""
