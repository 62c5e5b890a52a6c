"""What comes in: carriers' answers and calls, the shop's own word, each scan stored once under the order's lock."""
