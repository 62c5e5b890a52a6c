"""What became of a call: its answer, the provider's reports, its records; and what is sent in place of what failed."""
