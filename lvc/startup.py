"""What every command does before torch is loaded."""

import os
import warnings


def prepare() -> None:
    """Set up the process of a command."""
    # threads that spin while they wait take the other cores, such as the data loaders'; read when torch is loaded
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # given when CompressAI is imported, and nothing that a user could do anything about
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
