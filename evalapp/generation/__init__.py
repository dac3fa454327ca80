"""Clips: rendering them, bringing finished ones in, handing out their files."""
