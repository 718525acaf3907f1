"""What the names in a formula of the audit stand for."""
