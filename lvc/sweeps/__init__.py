"""Runs that belong together: read back, gathered into curves, and described to sweep services."""
