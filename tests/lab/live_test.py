#!/usr/bin/env python3
"""Live test: makes a lab with random addresses, lets natlens analyze what was captured, and holds
the translations against what the router's connection tracking said.

  live_test.py NATLENS [--seed N]

Short: one home router. With NATLENS_LONG=1 every scenario, several seeds, more clients and rounds.
Judged: precision 1.000, recall at least 0.99 of what is visible. Ends with 77 and `NOT RUN: reason`
where no lab can be made; the seed is printed, and --seed makes the same lab again.
"""
import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import scenarios
from netlab import Lab, NotRun, require_lab

SCORE = pathlib.Path(__file__).with_name("score.py")


def judge(natlens, scenario, plan):
    """True if the translations of one run of a scenario are as the router says."""
    print(f"{scenario.__name__} seed {plan.seed}: {plan}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with Lab() as lab:
            scenario(lab, plan, folder)
        database = folder / "nat.db"
        both = folder / "both.pcapng"
        taps = [str(both)] if both.exists() else [f"lan={folder}/lan.pcap", f"wan={folder}/wan.pcap"]
        analyze = subprocess.run([natlens, "analyze", *taps, "-o", str(database)], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        if analyze.returncode != 0:
            print(f"natlens analyze ended with {analyze.returncode}:\n{analyze.stdout}")
            return False
        return subprocess.run([sys.executable, str(SCORE), str(folder), str(database)]).returncode == 0


def runs(seed):
    if os.environ.get("NATLENS_LONG") != "1":
        return [(scenarios.home_router, scenarios.Plan.from_seed(seed))]
    every = (scenarios.home_router, scenarios.port_forward, scenarios.one_file)
    return [(scenario, scenarios.Plan.from_seed(seed + turn, clients=3 + 3 * turn, rounds=2 + 2 * turn))
            for turn in range(3) for scenario in every]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("natlens")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    options = parser.parse_args()
    try:
        require_lab()
    except NotRun as reason:
        print(f"NOT RUN: {reason}")
        return 77
    good = [judge(options.natlens, scenario, plan) for scenario, plan in runs(options.seed)]
    print(f"{sum(good)} of {len(good)} labs as the router says")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
