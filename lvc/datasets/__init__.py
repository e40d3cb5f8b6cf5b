"""Clips: where they come from and how a sample is drawn from them."""
