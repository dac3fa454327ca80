"""Who votes."""
