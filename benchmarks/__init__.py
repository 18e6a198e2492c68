"""Speed and memory of what ships, measured on the machine at hand; no test depends on it."""
