"""What carriers' codes mean where operations say so: mapping them, applying it, and reading stored scans again."""
