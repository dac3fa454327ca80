"""What can be compared: checkpoints, recipes, contenders, prompt sets."""
