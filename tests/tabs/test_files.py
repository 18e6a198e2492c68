"""Folders of results: every one its own, and removed after an hour."""

import os

from tabs.files import KEPT, fresh_folder


def test_results_are_apart_and_old_ones_go():
    old, new = fresh_folder(), fresh_folder()
    assert old != new
    os.utime(old, (0, old.stat().st_mtime - KEPT - 1))
    fresh_folder()
    assert not old.exists()
    assert new.exists()
