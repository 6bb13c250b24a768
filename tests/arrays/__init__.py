"""What arrays are taken and where they may lie: structure, layout, size, lifetime."""
