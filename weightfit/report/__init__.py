"""Write the pages of a run, of a model and of a notebook."""
