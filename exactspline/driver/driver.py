"""The driver: begins a search, goes through its batches, and says how it ended.

| state | event | next |
|---|---|---|
| MADE | begin: there is a run | BEGUN |
| MADE | begin: the clock ends it before there is one | BEGUN, with a run that finds nothing |
| BEGUN | a batch | BEGUN; the batch is handed over whole |
| BEGUN | no more batches: all found, a limit, the clock | ENDED |
| MADE, BEGUN | the first signal | the clock is stopped: ENDED with the next batch |
| any | the second signal, or KeyboardInterrupt by other means | ENDED at once |
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from ..clock import Clock, OutOfTime
from ..interrupts import Requests, Stopped
from .outcome import Outcome
from .request import Request
from .watching import Watch, watched

if TYPE_CHECKING:
    from ..search.decisions import Batch, Stop
    from .request import AnyRun

__all__ = ["Driver", "reason_of"]


class Driver:
    """One search from its beginning to its end.

    Parameters
    ----------
    request : Request
    clock : Clock
        Ends it.
    """

    def __init__(self, request: Request, clock: Clock) -> None:
        self.request, self.clock = request, clock
        self._run: AnyRun | None = None
        self._interrupt: KeyboardInterrupt | None = None
        self._orderly = True  # it has handed over all that it had

    @property
    def run(self) -> AnyRun:
        """The run; it is made when it is first asked for."""
        if self._run is None:
            self._run = self._begin()
        return self._run

    def _begin(self) -> AnyRun:
        from ..search.decisions import LOWERING, PREPARING
        from ..search.run import Unprepared

        request = self.request
        try:
            with self.clock.running():
                return request.run()
        except OutOfTime:
            phase = PREPARING if "program" in request.network.__dict__ else LOWERING
            return Unprepared(request.domain, request.engine, phase)

    def batches(self) -> Generator[Batch, None, None]:
        """The batches, with nothing taken in hand: an interrupt raises."""
        with closing(self.run.batches(self.clock)) as batches:
            yield from batches

    def go(
        self, take: Callable[[Batch], None] | None = None,
        progress: Watch = None, *,
        ready: Callable[[AnyRun], bool] | None = None,
        signals: Sequence[signal.Signals] = (signal.SIGINT,), always: bool = False,
        raises: bool = True,
    ) -> Outcome:  # fmt: skip
        """Go through the search, until its end, the clock's, or an interrupt.

        Parameters
        ----------
        take : callable, optional
            Is given every batch.
        progress : callable or bool, optional
            Is given the run after every batch; True draws a bar.
        ready : callable, optional
            Is given the run before the first one, and says whether to go on; the time of the
            search begins after it.
        signals, always
            What counts as a request to stop: see `Requests`.
        raises : bool
            Whether a second signal, or KeyboardInterrupt before there is a run, raises.

        Notes
        -----
        The first signal asks the search to stop; whatever else raises KeyboardInterrupt once
        it is going on (a handler of the caller's, ``progress``) ends it likewise.
        """
        start, (watch, clear) = time.perf_counter(), watched(progress)
        with Requests(self.clock, signals, always=always) as requests:
            try:
                run, go_on = self.run, True
                if ready is not None:
                    go_on = ready(run)
                    start = time.perf_counter()
                with closing(self.batches()) as batches:
                    for batch in batches if go_on else ():
                        if take is not None:
                            take(batch)
                        watch(run)
            except KeyboardInterrupt as interrupt:
                if raises and (requests.asked or self._run is None):
                    raise
                self._interrupt, self._orderly = interrupt, False
            except OutOfTime:  # out of what is done with the regions
                if not requests.asked:
                    raise
                self._interrupt, self._orderly = requests.interrupt, False
            finally:
                clear()
            if requests.asked and not self.complete:
                self._interrupt = requests.interrupt
        return self._outcome(time.perf_counter() - start)

    def has_lost(self) -> None:
        """Say that not all that was handed over has been taken in, so that it is not complete."""
        self._orderly = False

    @property
    def complete(self) -> bool:
        """Whether every region has been found and handed over."""
        return self._run is not None and self._run.complete and self._orderly

    @property
    def stop(self) -> Stop | None:
        """Why and where it has stopped; None if it is complete."""
        from ..search.decisions import PREPARING, Stop

        if self.complete:
            return None
        reason, limit, run = "time limit", self.request.limit, self._run
        if self._interrupt is not None:
            reason = reason_of(self._interrupt)
        elif limit is not None and run is not None and run.regions >= limit:
            reason = "limit"
        if run is None:
            return Stop(reason, PREPARING, 0.0)
        return Stop(reason, run.phase, min(1.0, run.share))

    def _outcome(self, seconds: float) -> Outcome:
        run, request = self._run, self.request
        outcome = Outcome(request.domain, request.engine, seconds=seconds, stop=self.stop)
        outcome.interrupt = self._interrupt
        if run is not None:
            outcome.regions, outcome.before = run.regions, run.before
            outcome.engine, outcome.decisions = run.engine_name, run.decisions
        return outcome


def reason_of(interrupt: KeyboardInterrupt) -> str:
    """What a result calls an interrupt."""
    return "terminated" if isinstance(interrupt, Stopped) else "interrupt"
