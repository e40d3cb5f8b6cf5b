"""Training a flow network by itself: losses, stage, validation."""
