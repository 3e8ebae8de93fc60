"""``merit classify-breath study``: a blind listening study as one offline page, and its scores."""
