"""Tables and figures of the paper, and what their modules share."""
