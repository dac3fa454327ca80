"""Judges: automatic voters, and how far each can be trusted. Their verdicts never enter human win rates."""
