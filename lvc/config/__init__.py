"""The contract: what a composed configuration must look like, and the errors when it does not."""
