"""The page: one file a tab, and what the tabs share. No tensors: pipelines take words, numbers, files."""
