"""The clock: what it counts, whom an interrupt is told, and that it is raised nowhere."""

import io
import math
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from reluctant import effort
from reluctant.effort import Clock, Effort


def test_a_clock_without_limit_never_expires():
    clock = Clock()
    assert clock.left() == math.inf
    assert not clock.expired()
    assert clock.share(0.3).left() == math.inf
    assert 4 < clock.share(0.3, at_most=5.0).left() <= 5.0


def test_a_share_ends_no_later_than_the_whole():
    clock = Clock(0.02)
    share = clock.share(0.5)
    assert share.left() <= clock.left()
    time.sleep(0.03)
    assert clock.expired()
    assert clock.share(at_most=10.0).left() == 0.0


@pytest.mark.parametrize("told", ["whole", "share", "share of the share"])
def test_an_interrupt_is_told_to_the_whole_and_to_all_its_shares(told):
    whole = Clock()
    share = whole.share()
    clocks = {"whole": whole, "share": share, "share of the share": share.share(at_most=9.0)}
    clocks[told].interrupt()
    assert all(clock.interrupted and clock.expired() and clock.left() == 0.0 for clock in clocks.values())
    assert whole.share().expired()


def test_a_first_interrupt_is_noted_and_a_second_one_is_raised():
    with Clock(60.0).listening() as clock:
        signal.raise_signal(signal.SIGINT)
        assert clock.expired()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("terminal", [True, False])
def test_one_line_at_a_terminal_says_what_is_being_done_after_some_silent_seconds(monkeypatch, terminal):
    stderr = io.StringIO()
    stderr.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(effort, "SILENCE", 0.01)
    said = threading.Event()
    plain = stderr.write
    stderr.write = lambda text: (plain(text), said.set())[0]
    clock = Clock()
    with clock.speaking("ends the fit"):
        clock.doing("comparing sizes")
        assert said.wait(20.0 if terminal else 0.05) == terminal
    line = "reluctant: comparing sizes, without a time limit; Ctrl-C ends the fit\n"
    assert stderr.getvalue().strip() == (line.strip() if terminal else "")


def test_sigterm_may_come_twice_as_from_timeout():
    with Clock(60.0).listening() as clock:
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
        assert clock.interrupted
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_later_sigterm_ends_the_process_without_a_word():
    script = """
import signal
import time
from reluctant import effort
with effort.Clock(60.0).listening():
    signal.raise_signal(signal.SIGTERM)
    effort.SAME_SIGNAL = 0.0
    time.sleep(0.01)
    signal.raise_signal(signal.SIGTERM)
print("still here")
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGTERM, "", "")


def test_an_interrupt_ends_a_block_that_only_waits():
    with Clock().listening() as clock:
        began = time.monotonic()
        timer = threading.Timer(0.05, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGINT))
        timer.start()
        with clock.waiting():
            time.sleep(20)
        assert time.monotonic() - began < 10
        assert clock.interrupted


def test_the_handler_is_put_back_after_an_error():
    with pytest.raises(RuntimeError), Clock().listening():
        raise RuntimeError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_caller_stays_in_its_place():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with Clock().listening() as clock:
            signal.raise_signal(signal.SIGINT)
            assert not clock.interrupted
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]


def test_another_thread_listens_to_nothing():
    seen = []

    def work():
        with Clock(5.0).listening() as clock:
            seen.append(clock.expired())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_a_clock_that_is_sent_elsewhere_keeps_the_seconds_left():
    clock = Clock(30.0)
    sent = pickle.loads(pickle.dumps(clock))
    assert sent.left() == pytest.approx(clock.left(), abs=1.0)
    clock.interrupt()
    assert not sent.interrupted
    assert pickle.loads(pickle.dumps(clock)).expired()
    assert pickle.loads(pickle.dumps(Clock())).left() == math.inf


def test_copies_of_a_shared_clock_hear_an_interrupt():
    clock = Clock()
    with clock.shared():
        copy = pickle.loads(pickle.dumps(clock.share()))
        assert not copy.expired()
        clock.interrupt()
        assert copy.expired()


def test_an_interrupt_that_another_process_told_is_not_the_first_of_two_here():
    clock = Clock()
    with clock.shared(), clock.listening():
        pickle.loads(pickle.dumps(clock)).interrupt()
        assert clock.expired()
        signal.raise_signal(signal.SIGINT)  # is noted, as the first that reached this process
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_copy_that_is_interrupted_when_nobody_shares_any_more_tells_itself_alone():
    clock = Clock()
    with clock.shared():
        copy = pickle.loads(pickle.dumps(clock))
    copy.interrupt()
    assert copy.expired()
    assert not clock.expired()


def test_the_seed_of_an_effort_is_its_own_or_drawn():
    assert Effort(random_state=7).seed() == 7
    assert Effort(random_state=np.random.default_rng(0)).seed() == np.random.default_rng(0).integers(1 << 31)


def test_effort_takes_its_default_only_where_no_limit_is_given():
    assert Effort().clock().left() == math.inf
    assert 1.0 < Effort().clock(2.0).left() <= 2.0
    assert 4.0 < Effort(time_limit=5.0).clock(2.0).left() <= 5.0
    assert Effort.checked(math.inf, None).clock(2.0).left() == math.inf
    rng = np.random.default_rng(0)
    assert Effort(random_state=rng).rng() is rng


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, None), "time_limit must be greater than 0"),
        ((math.nan, None), "time_limit must be a finite number"),
        ((None, -1), "random_state"),
        ((None, None, 0), "n_jobs must be a positive number of processes, or -1"),
        ((None, None, 1, "yes"), "verbose must be True or False"),
    ],
)
def test_effort_refuses_what_it_cannot_grant(arguments, message):
    with pytest.raises(ValueError, match=message):
        Effort.checked(*arguments)


@pytest.mark.parametrize("limit", [math.inf, 10**400])
def test_a_limit_beyond_all_floats_is_none(limit):
    assert Effort.checked(limit, None).time_limit == math.inf
