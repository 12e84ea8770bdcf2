"""Pages and figures that show a score; no decision is made here."""
