"""Measurements on real bitstreams: metrics, BD-rate, traditional codecs, reports."""
