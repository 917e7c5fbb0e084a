"""Statistics of spike times: pure functions of arrays, the same for recordings and for actors.

Times are seconds, sorted, of one channel's threshold crossings (multi-unit activity, not sorted
into cells). What is not defined for so few spikes is nan.
"""
