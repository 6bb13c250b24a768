"""Parameters that are elsewhere for a time, and come back."""
