"""What guards publishing: the worst orders there are, and everything that is asked of a template."""
