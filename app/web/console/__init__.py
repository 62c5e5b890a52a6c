"""What all pages of the console share: the frame around them, the way in, and the files that browsers keep."""
