"""Feature extractors for distances between sets of clips: frames in, one row out."""
