"""The page: one file a tab, and what the tabs share. No tensors here: pipelines are called with words, numbers and files."""
