"""How often intervals hold the truth, and tests find a difference: under the null and an effect.

Run separately (`python -m benchmarks.coverage`, some five minutes, seeded); it prints the tables of
docs/explanations/statistics.md. An estimate that is not in them is not shown by CREPE.
"""

from benchmarks.coverage import accuracy, bursts, connectivity, evoked, pong, sweep

TABLES = {
    "Pong: 95 % intervals": pong.intervals,
    "Pong: closed loop against a control, eight rounds": pong.tests,
    "Accuracy: five blocks of 30 trials, three gestures": accuracy.table,
    "Functional connectivity: ten trains of a minute": connectivity.table,
    "Evoked map: 30 electrodes, 200 maps a row": evoked.table,
    "Winner of a sweep: five cultures, scores with an SD of 0.1 over cultures": sweep.table,
    "Network bursts a minute, 60 channels": bursts.table,
}

if __name__ == "__main__":
    for title, table in TABLES.items():
        print(f"### {title}\n")
        print("\n".join(table()), "\n", flush=True)
