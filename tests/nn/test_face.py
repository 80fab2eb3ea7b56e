"""What `reluctant.nn` shows."""

import reluctant.nn


def test_the_room_shows_its_public_names_alone_and_each_has_a_docstring():
    assert dir(reluctant.nn) == sorted(reluctant.nn.__all__)
    assert all(getattr(reluctant.nn, name).__doc__ for name in dir(reluctant.nn))
