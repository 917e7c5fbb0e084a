"""The run of the simulated RHX: its device thread, its sending thread, its latency.

RHX reads its device in lots of five blocks at 20 kHz, holds one block back for the detection of
spikes, and sends lots of the set number of blocks. One thread sends waveforms, then spikes, and
waits for a slow reader; until it is done, the hardware goes on.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from crepe.hw.rhx.blocks import FRAMES, pack_block
from crepe.simulator.rhx.data_port import DataPort
from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.settings import Fault

_WRONG_MAGIC = 0x12345678
_SLOWER = 0.9


class _Lot(NamedTuple):
    """Blocks that are written at once."""

    waveforms: bytes
    spikes: bytes
    stop: int  # sample after the last one


class Run:
    """One run, from its start to the stop of the hardware."""

    def __init__(
        self,
        controller: SimulatedController,
        ports: Mapping[str, DataPort],
        clock: Callable[[], float],
        on_overflow: Callable[[], None],
        *,
        is_stuck: bool,
    ) -> None:
        self._controller = controller
        self._ports = ports
        self._clock = clock
        self._on_overflow = on_overflow
        self._is_stuck = is_stuck  # an upload goes on: it says Run, and no data come
        self._stop = threading.Event()
        self._queue: queue.SimpleQueue[_Lot | None] = queue.SimpleQueue()
        self.hardware_stopped_s: float | None = None
        controller.begin(clock())
        self._n_written = 0  # samples
        self._sender = threading.Thread(target=self._send, name="RHX sends", daemon=True)
        self._device = threading.Thread(target=self._run, name="RHX device", daemon=True)
        self._sender.start()
        self._device.start()

    @property
    def is_acquiring(self) -> bool:
        """The hardware's own flag; it falls after the report of the stop."""
        return self.hardware_stopped_s is None

    def stop(self) -> None:
        """Have the run end."""
        self._stop.set()

    def join(self, wait_s: float) -> None:
        """Wait until the hardware has stopped."""
        self._device.join(wait_s)

    def _run(self) -> None:
        controller = self._controller
        # 32 ms at 20 kHz; 6 blocks at 25 kHz, 8 at 30 kHz.
        n_blocks = {25_000: 6, 30_000: 8}.get(int(controller.rate_hz), 5)
        n_lots, held = 0, _Lot(b"", b"", 0)
        pending: list[_Lot] = []
        while not self._stop.is_set():
            n_lots += 1
            rate_hz = controller.rate_hz
            if Fault.SLOW_CLOCK in controller.faults:
                rate_hz *= _SLOWER
            due_s = controller.began_s + n_lots * n_blocks * FRAMES / rate_hz
            if self._stop.wait(max(0.0, due_s - self._clock())) or self._is_stuck:
                continue
            for _ in range(n_blocks):
                held, ready = self._block(), held
                if ready.waveforms:
                    pending.append(ready)
            per_write = int(float(controller.parameters.values["tcpnumberdatablocksperwrite"]))
            while len(pending) >= per_write:
                lot, pending = pending[:per_write], pending[per_write:]
                waveforms = b"".join(part.waveforms for part in lot)
                spikes = b"".join(part.spikes for part in lot)
                self._queue.put(_Lot(waveforms, spikes, lot[-1].stop))
            backlog_s = (controller.n_samples - self._n_written) / controller.rate_hz
            if backlog_s > controller.settings.backlog_s:
                self._on_overflow()
                break
        self._queue.put(None)
        self._sender.join()  # behind a stalled reader the hardware runs on
        now_s = self._clock()
        controller.end(now_s)
        self.hardware_stopped_s = now_s

    def _block(self) -> _Lot:
        controller = self._controller
        start, values, spikes = controller.block()
        if not controller.has_outputs:
            self._n_written = controller.n_samples
            return _Lot(b"", b"", controller.n_samples)
        data = pack_block(start, values)
        if Fault.WRONG_MAGIC in controller.faults:
            data = _WRONG_MAGIC.to_bytes(4, "little") + data[4:]
        return _Lot(data, spikes, controller.n_samples)

    def _send(self) -> None:
        while (lot := self._queue.get()) is not None:
            self._ports["waveform"].write(lot.waveforms)
            self._ports["spike"].write(lot.spikes)
            self._n_written = lot.stop
