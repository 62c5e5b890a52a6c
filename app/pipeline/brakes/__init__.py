"""What stops messages, and what tells the owner that something is wrong."""
