"""Inference for both directions between pictures and words. Import the submodule you need; nothing happens here."""
