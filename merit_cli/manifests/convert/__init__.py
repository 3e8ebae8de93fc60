"""Manifests from and to the formats of other toolkits; `formats` has them by name."""
