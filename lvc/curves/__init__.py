"""Rate-distortion curves: their metrics, those that others measured, and how far they may be trusted."""
