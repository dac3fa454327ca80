"""The team's own judge: a head per aspect on frozen features, trained on its votes by `training.train`."""
