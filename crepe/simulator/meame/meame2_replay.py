"""The stimulation that MEAME2 replays at /DSP/stim/setup, /start and /stop.

The numbers are those of its three files: calls (function, arguments), writes (address, value).
"""

from crepe.simulator.meame.instrument import SimulatedMeame

_DAC, _SIDEBAND = (32593, 1671343), (3211289, 655385)
_GROUPS = ((82, 310378496), (310378496, 82), (1346048, 0))
_BLANKED = (311724626, 310378578)
_MODES = (13382412, 204672195, 13068, 204668928)


def set_up(meame: SimulatedMeame) -> None:
    """Set up all three groups; group 0 at 10 Hz."""
    for function in (13, 5, 8, 2):
        meame.call(function, [])
    for memory in range(6):
        meame.dsp.write(0x920C + 0x20 * memory, 0)
        for word in _SIDEBAND if memory % 2 else _DAC:
            meame.dsp.write(0x9F20 + 4 * memory, word)
        if memory % 2:
            meame.call(8, [])
    meame.call(2, [])
    meame.call(14, [(0x10AC, _BLANKED[0]), (0x10B0, _BLANKED[1])])
    meame.call(15, [(0x10B4, _BLANKED[0]), (0x10B8, _BLANKED[1])])
    for group, (elec0, elec1) in enumerate(_GROUPS):
        meame.call(3, [(0x1010, group), (0x1018, elec0), (0x101C, elec1)])
    meame.call(4, [(0x10BC + 4 * i, word) for i, word in enumerate(_MODES)])
    meame.call(6, [])
    meame.call(7, [])
    meame.call(9, [(0x1010, 0), (0x1014, 5000)])


def start(meame: SimulatedMeame) -> None:
    """Enable group 0."""
    meame.call(10, [(0x1010, 0)])


def stop(meame: SimulatedMeame) -> None:
    """Disable group 0."""
    meame.call(11, [(0x1010, 0)])
