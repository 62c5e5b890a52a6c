"""What carriers say and what it comes to: when to ask, the fold over all scans, the carriers themselves."""
