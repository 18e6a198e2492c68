"""Numbers as users give them: from a form, a command line or a JSON request."""

import math

from pipelines.errors import InputError

MAX_SEED = 2**32 - 1


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


def real(value: object, code: str, least: float, limit: float) -> float:
    """`value` as a number from `least` to `limit`; NaN is none. Raises InputError(code)."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not least <= number <= limit:
        raise InputError(code, value=value, least=least, limit=limit)
    return number
