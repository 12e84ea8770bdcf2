"""The wire: one schema, and what follows from it."""
