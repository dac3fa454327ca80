"""Reward models that run here: real checkpoints from a local folder or the hub cache, no remote code, no stand-ins."""
