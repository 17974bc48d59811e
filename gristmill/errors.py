"""The root of every error that a person can act on: its message is a sentence that says what to do."""


class UserError(Exception):
    """Shown without a traceback; a scheduler does not retry it."""


EXIT_USER_ERROR = 2
"""Exit code of a stage that ends with a user's error: one sentence that says what to do."""

EXIT_GATE_BLOCKED = 3
"""Exit code of a gate whose verdict is block or error. After any code but these two a retry may help."""
