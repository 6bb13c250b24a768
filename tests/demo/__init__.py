"""The demonstration: what it trains, and what its command says."""
