"""One file for each library: how it does what a probe asks for."""
