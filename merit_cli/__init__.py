"""merit: noisy-audio pipelines from raw corpus to a table that can be believed."""

__version__ = "0.1.0"
