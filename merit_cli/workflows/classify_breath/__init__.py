"""``merit classify-breath``: recipe, cutting into cycles, training, evaluation and prediction."""
