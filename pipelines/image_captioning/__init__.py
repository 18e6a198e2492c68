"""Pictures → words: one call, several kinds of model behind it."""
