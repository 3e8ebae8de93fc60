"""``merit evaluate``: what to score (`inputs`), the scores (`scores`), their tables and the report (`run`)."""
