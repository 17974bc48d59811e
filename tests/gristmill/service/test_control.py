"""Starting a private Airflow: the port that it is given."""

from __future__ import annotations

from gristmill.service.control import _free_port


def test_two_starts_at_once_get_two_ports() -> None:
    """The first server does not listen yet when the second start looks for a port."""
    with _free_port() as first, _free_port() as second:
        assert second not in (first, 8080)


def test_a_port_is_free_again_after_the_start() -> None:
    with _free_port() as first:
        pass
    with _free_port() as second:
        assert (first == 8080) == (second == 8080)
