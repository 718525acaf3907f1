"""Pages for people: of a run, of a model, of a notebook."""
