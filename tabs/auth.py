"""Who may open the page: a file of users with hashed passwords, a line each."""

import hashlib
import hmac
import os
from collections.abc import Callable
from pathlib import Path

COST = {"n": 2**14, "r": 8, "p": 1}  # of scrypt (RFC 7914): some 50 ms a try


def hashed(password: str, salt: bytes | None = None) -> str:
    """salt$hash in hexadecimal digits."""
    salt = salt or os.urandom(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **COST).hex()}"


def add_user(file: Path, user: str, password: str) -> None:
    """Write a user into the file, in the place of an older entry of the same name. Raises ValueError."""
    if not user or ":" in user or not user.isprintable() or not password:
        raise ValueError("A user needs a name without a colon, and a password.")
    users = read_users(file) if file.is_file() else {}
    users[user] = hashed(password)
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}:{entry}\n" for name, entry in users.items()), encoding="utf-8")


def read_users(file: Path) -> dict[str, str]:
    """Names and hashed passwords. Raises ValueError where the file is no list of users."""
    users = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, entry = line.partition(":")
        if line.strip():
            salt, _, digest = entry.partition("$")
            if not name or len(bytes.fromhex(salt)) < 8 or len(bytes.fromhex(digest)) != 64:
                raise ValueError(f"'{name}' has no hashed password. Make the file with --add-user.")
            users[name] = entry
    if not users:
        raise ValueError("The file names no user. Add one with --add-user NAME.")
    return users


def checker(file: Path) -> Callable[[str, str], bool]:
    """Whether a name and a password belong together, in the same time for names that are not there."""
    users = read_users(file)
    nobody = hashed("nobody")

    def check(user: str, password: str) -> bool:
        entry = users.get(user, nobody)
        given = hashed(password, bytes.fromhex(entry.partition("$")[0]))
        return hmac.compare_digest(given, entry) and user in users

    return check
