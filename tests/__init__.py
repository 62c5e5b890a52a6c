"""What is asked of the program. What was compiled is kept, from before anything of ours is read: a shell may say that
nothing is to be kept, and each of a run's processes would spend six seconds to compile the same."""

import sys

sys.dont_write_bytecode = False
