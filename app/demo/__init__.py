"""A world to try it in: stand-ins for carriers and providers, and a sample shop; nothing else imports it."""
