"""The families, as classes and as functions, and the two texts of their rules."""
