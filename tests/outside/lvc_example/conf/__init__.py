"""Config files that join those of lvc."""
