"""The error every user mistake becomes: one line, exit code 2, no traceback."""


class UserError(Exception):
    """Something the user can put right: a file, a field or an option.

    The message is one line that names it and says what would be right. Entry points print it and exit with 2.
    """


class WorkerLost(UserError):
    """A data-loading process that the system ended; the run can be continued from the batch before."""


class BitstreamError(UserError):
    """A bitstream that cannot be decoded: not ours, newer, of another model, damaged or truncated."""
