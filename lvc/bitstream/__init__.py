"""The container: bytes, not tensors."""
