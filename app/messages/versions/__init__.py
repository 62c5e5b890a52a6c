"""Versions of templates: drafts, publications, what they changed, and taking them back."""
