"""Coding orders: which frame refers to which, and what is kept between frames."""
