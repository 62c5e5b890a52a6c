"""Owners: people, keys, settings, and the log of what was changed."""
