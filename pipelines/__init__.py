"""Inference for both directions between pictures and words. Import the submodule that you need; nothing happens here."""
