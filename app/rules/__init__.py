"""Which milestone deserves which message: the rule set, and the pure decision over it."""
