"""What a person may ask of us: not to be written to, to see what is kept, to be forgotten."""
