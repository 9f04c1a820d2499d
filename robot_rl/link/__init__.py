"""The link between actors and a learner in another process or on another machine.

gRPC starts threads when it is first used: fork before, or start other processes with `subprocess`.
"""

import os

# Read when grpc is imported. Its C++ part would write to the terminal; what matters reaches us as an error.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
