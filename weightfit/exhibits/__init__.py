"""What the scripts of tables and figures draw, write and say with."""
