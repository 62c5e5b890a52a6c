"""The pipeline without its hands: recorded orders replayed with a stepped clock, nothing sent."""
