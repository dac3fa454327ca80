"""Automatic measures and judges beside the votes, never among them: Measurement and Verdict will live here."""
