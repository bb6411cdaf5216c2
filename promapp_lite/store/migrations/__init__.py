"""Numbered schema scripts, applied in order at start; append only."""
