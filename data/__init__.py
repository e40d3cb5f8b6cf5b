"""Scripts that prepare data sets; ``data/README.md`` says what each is for."""
