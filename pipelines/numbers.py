"""Numbers as users give them: from a form, a command line or a JSON request."""

from pipelines.errors import InputError


def whole(value: object, code: str, least: int, limit: int) -> int:
    """`value` as a whole number from `least` to `limit`. Raises InputError(code) where it is none."""
    try:
        number = int(value)
        exact = number == float(value)
    except (TypeError, ValueError, OverflowError):
        exact = False
    if not exact or not least <= number <= limit:
        raise InputError(code, value=value, limit=limit)
    return number
