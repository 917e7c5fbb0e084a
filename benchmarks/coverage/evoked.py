"""Links of `crepe map` where pulses change nothing, and where some electrodes answer."""

from collections.abc import Iterator

import numpy as np

from crepe.analysis.evoked import adjusted, responses
from crepe.results.evoked_map import Q

N_ELECTRODES, N = 30, 200
PART = 0.1  # of the pairs that answer, where some do


def table() -> Iterator[str]:
    """Yield shares of maps with a false link, of links that are false, and of answers found."""
    yield (
        "| pulses at each | a spike by chance | in network bursts | answers add "
        "| maps with a false link | false of all links | answers found |"
    )
    yield "|---" * 7 + "|"
    for rounds, chance, together, answer in (
        *((20, 0.02, 0.0, 0.0), (20, 0.2, 0.0, 0.0), (20, 0.1, 0.2, 0.0), (60, 0.1, 0.2, 0.0)),
        *((20, 0.02, 0.0, 0.5), (20, 0.1, 0.2, 0.5), (20, 0.1, 0.2, 0.8), (60, 0.1, 0.2, 0.5)),
    ):
        rng = np.random.default_rng([rounds, round(100 * chance), round(100 * answer)])
        n_maps = n_false = n_links = n_true = n_answers = 0
        for _ in range(N):
            stimulated = np.tile(np.arange(N_ELECTRODES), rounds)
            shape = len(stimulated), N_ELECTRODES
            has = rng.random((2, *shape)) < chance
            # A burst of the network reaches all channels at once.
            has |= rng.random((2, len(stimulated), 1)) < together
            is_true = rng.random((N_ELECTRODES, N_ELECTRODES)) < PART * (answer > 0)
            np.fill_diagonal(is_true, val=False)
            has[0] |= is_true[stimulated] & (rng.random(shape) < answer)
            after, before = np.where(has, 1.0, np.nan)
            is_used = np.arange(N_ELECTRODES) != stimulated[:, np.newaxis]
            result = responses(after, before, stimulated, N_ELECTRODES, is_used)
            is_link = np.nan_to_num(adjusted(result.p_value), nan=1.0) <= Q
            n_false += int((is_link & ~is_true).sum())
            n_maps += bool((is_link & ~is_true).any())
            n_links += int(is_link.sum())
            n_true += int((is_link & is_true).sum())
            n_answers += int(is_true.sum())
        share = f"{n_true / n_answers:.2f}" if n_answers else "-"
        false = f"{n_false / n_links:.3f}" if n_links and n_answers else "-"
        row = (rounds, chance, together, answer, f"{n_maps / N:.3f}", false, share)
        yield f"| {' | '.join(map(str, row))} |"
