"""A terminal screen of what boards measure, as they measure it, and of how they do."""
