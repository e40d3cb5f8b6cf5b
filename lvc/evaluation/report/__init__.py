"""The report of an evaluation: one HTML page that needs nothing else, and its tables and plots as files."""
