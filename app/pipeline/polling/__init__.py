"""Asking carriers: what is due, within what they allow, and what their answers come to."""
