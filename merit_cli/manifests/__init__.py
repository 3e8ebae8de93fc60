"""Manifests: the schema of a line, reading and writing, inputs as typed, and checks."""
