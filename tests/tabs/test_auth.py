"""The file of users: passwords are never in it, and only the right ones open the page."""

import pytest

import app
from tabs.auth import add_user, checker, hashed, read_users


def test_users_are_let_in_by_their_passwords_alone(tmp_path):
    file = tmp_path / "users"
    add_user(file, "ada", "lovelace")
    add_user(file, "王", "密码")
    add_user(file, "ada", "byron")
    check = checker(file)
    assert check("ada", "byron")
    assert check("王", "密码")
    assert not any(check(*pair) for pair in (("ada", "lovelace"), ("ada", ""), ("nobody", "nobody"), ("", "")))
    assert "byron" not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0


def test_equal_passwords_look_different():
    assert hashed("x") != hashed("x")


@pytest.mark.parametrize("content", ["", "ada:lovelace\n", "ada\n", "ada:00$00\n"])
def test_a_file_that_is_no_list_of_users_is_refused(tmp_path, content):
    (tmp_path / "users").write_text(content)
    with pytest.raises(ValueError, match=r"\S"):
        read_users(tmp_path / "users")
    with pytest.raises(SystemExit, match="--auth-file"):
        app.main(["--auth-file", str(tmp_path / "users")])


def test_a_user_is_added_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda _: "lovelace")
    with pytest.raises(SystemExit) as caught:
        app.main(["--auth-file", str(tmp_path / "users"), "--add-user", "ada"])
    assert caught.value.code == 0
    assert checker(tmp_path / "users")("ada", "lovelace")
    with pytest.raises(SystemExit, match="--auth-file"):
        app.main(["--add-user", "ada"])


@pytest.mark.parametrize(("name", "password"), [("", "x"), ("a:b", "x"), ("ada", "")])
def test_a_user_without_name_or_password_is_refused(tmp_path, name, password):
    with pytest.raises(ValueError, match="password"):
        add_user(tmp_path / "users", name, password)
