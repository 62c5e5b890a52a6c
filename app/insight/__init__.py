"""What happened and why, in words and in numbers: explanations and audits, read-only."""
