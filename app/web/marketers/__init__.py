"""Marketers: the studio in which templates and brands are written, tried and published."""
