"""Optical flow, warping, motion codecs."""
