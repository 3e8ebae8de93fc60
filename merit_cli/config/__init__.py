"""Recipes: frozen schemas, loading, overrides and fingerprints."""
