"""Design of Butterworth band-pass filters in second-order sections.

The method is the usual one: poles of the analog low-pass prototype (Butterworth 1930), transformed
to a band-pass and then to samples by the bilinear transform with prewarped corners. Poles are
paired with their nearest zeros, and the sections with poles close to the unit circle come last, so
that values between sections stay small. `scipy.signal.butter` gives the same coefficients.
"""

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]


def band_pass(low_hz: float, high_hz: float, order: int, rate_hz: float) -> NDArray[np.float64]:
    """Return the sections of a band-pass: (order, 6), b0 b1 b2 1 a1 a2 in each row.

    Corners are where the gain has fallen by 3 dB; `order` is that of the low-pass prototype.
    """
    low, high = 4 * np.tan(np.pi * (2 * np.array((low_hz, high_hz)) / rate_hz) / 2)
    width, centre = high - low, np.sqrt(low * high)
    prototype = -np.exp(1j * np.pi * np.arange(1 - order, order, 2) / (2 * order))
    scaled = prototype * width / 2
    apart = np.sqrt(scaled**2 - centre**2)
    analog = np.concatenate((scaled + apart, scaled - apart))
    gain = width**order * np.real(np.prod(np.full(order, 4.0)) / np.prod(4 - analog))
    return _sections((4 + analog) / (4 - analog), gain)


def steady_state(sections: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the state of each section after a constant input of 1: (n_sections, 2)."""
    state, gain = np.empty((len(sections), 2)), 1.0
    for i, (b0, b1, b2, _, a1, a2) in enumerate(sections):
        matrix = np.array([[1 + a1, -1.0], [a2, 1.0]])
        state[i] = gain * np.linalg.solve(matrix, [b1 - a1 * b0, b2 - a2 * b0])
        gain *= (b0 + b1 + b2) / (1 + a1 + a2)
    return state


def _sections(poles: Complex, gain: float) -> NDArray[np.float64]:
    """Return sections with these poles; half of the zeros are at 1, the others at -1."""
    n = len(poles) // 2
    zeros = [1.0] * n + [-1.0] * n
    pairs = _pairs(poles)
    sections = np.empty((n, 6))
    # From the last one: the pair that is closest to the unit circle chooses its zeros first.
    for i in reversed(range(n)):
        first, second = pairs.pop(
            min(range(len(pairs)), key=lambda j: abs(1 - max(map(abs, pairs[j]))))
        )
        b = []
        for _ in range(2):
            b.append(min(zeros, key=lambda zero: abs(zero - first)))
            zeros.remove(b[-1])
        sections[i, :3] = np.poly(b)
        sections[i, 3:] = np.poly([first, second]).real
    sections[0, :3] *= gain
    return sections


def _pairs(poles: Complex) -> list[tuple[complex, complex]]:
    """Return conjugate pairs, and pairs of real poles, whose larger one comes first."""
    tolerance = 100 * np.finfo(float).eps
    is_real = abs(poles.imag) <= tolerance * abs(poles)
    upper = poles[~is_real & (poles.imag > 0)]
    pairs = [(complex(pole), complex(pole).conjugate()) for pole in upper]
    real = sorted(poles[is_real].real, key=abs, reverse=True)
    return pairs + [(complex(a), complex(b)) for a, b in zip(real[::2], real[1::2], strict=True)]
