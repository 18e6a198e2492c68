"""Words → pictures: one call, several kinds of model behind it."""
