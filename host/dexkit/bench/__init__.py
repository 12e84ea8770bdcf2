"""What keeps a kit well: putting an application on a board, and proving that it runs."""
