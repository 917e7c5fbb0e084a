"""Statistics of spike times: pure functions of arrays, used for recordings and by actors.

Times are seconds, sorted, of one channel's threshold crossings (multi-unit activity, not sorted
into cells). A statistic that is undefined for so few spikes is nan.
"""
