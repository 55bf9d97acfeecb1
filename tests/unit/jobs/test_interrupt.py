"""Requests to stop by signals."""

import signal

import pytest

from glpose.jobs.interrupt import Interrupted, SignalInterrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_request_while_somebody_listens(number: signal.Signals) -> None:
    old, interrupt = signal.getsignal(number), SignalInterrupt()
    with interrupt.listening():
        interrupt.check()
        signal.raise_signal(number)
        with pytest.raises(Interrupted):
            interrupt.check()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is old


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_the_process_was_started_to_ignore_are_ignored(
    ignored: signal.Signals,
) -> None:
    """As by nohup, or in the background of a shell."""
    old, interrupt = signal.signal(ignored, signal.SIG_IGN), SignalInterrupt()
    (other,) = {signal.SIGINT, signal.SIGTERM} - {ignored}
    try:
        with interrupt.listening():
            signal.raise_signal(ignored)
            interrupt.check()
            signal.raise_signal(other)
            assert interrupt.requested
        assert signal.getsignal(ignored) is signal.SIG_IGN
    finally:
        signal.signal(ignored, old)
