"""Pictures of messages: what the shopper will see, shot in one headless Chromium, set in frames and compared."""
