"""Automatic measures beside the votes, never among them."""
