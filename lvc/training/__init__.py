"""Stages, losses, checkpoints and exports."""
