"""The house as a running system: is it well, what does it do, who asked for what."""
