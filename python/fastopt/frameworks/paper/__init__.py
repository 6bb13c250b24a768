"""The papers, as printed."""
