"""Comparisons: who meets whom, on which prompts, judged by which aspects."""
