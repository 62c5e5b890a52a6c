"""What all carrier adapters share: the contract, and the reading of what carriers send."""
