"""A place left for the author of training/report.py: this file was overwritten by mistake while the Train tab was being
written. Put your own version back here; nothing of the Train tab needs it."""

raise ImportError("training/survey.py was overwritten by mistake (class Survey, survey()): put its own version back.")
