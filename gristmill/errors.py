"""The root of every error that a person can act on: its message is a sentence that says what to do."""


class UserError(Exception):
    """Shown without a traceback; a scheduler does not retry it."""
