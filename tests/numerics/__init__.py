"""The numerics contract: the same bits everywhere, and what they depend on."""
