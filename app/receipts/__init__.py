"""What a provider's report does to a message: a total table from report to outcome."""
