"""The web face: API, hooks and pages; it writes rows and sends wake-ups, and never imports the worker."""
