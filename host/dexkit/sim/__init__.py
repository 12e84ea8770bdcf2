"""A simulated world with exact truth, for tests and demonstrations."""
