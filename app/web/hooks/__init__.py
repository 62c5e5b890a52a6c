"""Where providers and carriers call us."""
