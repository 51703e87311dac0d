#!/usr/bin/env python3
"""What netloom learns without labels, beside what it is measured by, on the same data.

* The series of the Numenta Anomaly Benchmark by its own rules (Lavin and Ahmad 2015, standard
  profile, one threshold for all series), beside a Gaussian over a sliding window of 6,400 values that
  is fitted anew every 100 (NAB's own baseline of that name).
* Forecasts of a CESNET link's bytes an hour and a day ahead, from 60 midnights, beside repeating the
  last value and the value of a week before; and the share of the truth that 80 % ranges held.
* Isolation forest and the other detectors beside scikit-learn's isolation forest: ROC-AUC, mean of
  five seeds for scikit-learn's.

    python3 -m venv venv && venv/bin/pip install 'scikit-learn==1.9.*' pandas
    cargo build --release -p netloom-ml --example unlabelled
    venv/bin/python crates/netloom-ml/compare/unlabelled.py --data ../shared/data
"""

import argparse
import json
import math
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "target/release/examples/unlabelled"


def ours(what, text):
    done = subprocess.run([PROGRAM, what], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines(), done.stderr


# --- NAB -----------------------------------------------------------------------------------------

FALSE_POSITIVE = 0.11


def sigmoid(x):
    return 2 / (1 + math.exp(5 * x)) - 1 if x < 50 else -1.0


def nab_series(folder):
    labels = json.loads((folder / "labels/combined_windows.json").read_text())
    for name, windows in sorted(labels.items()):
        path = folder / "data" / name
        if not path.exists():
            continue
        table = pd.read_csv(path)
        times = [datetime.fromisoformat(text) for text in table["timestamp"]]
        places = []
        for first, last in windows:
            first, last = datetime.fromisoformat(first), datetime.fromisoformat(last)
            inside = [k for k, time in enumerate(times) if first <= time <= last]
            places.append((inside[0], inside[-1]))
        yield name, table["value"].to_numpy(float), places


def nab_weights(length, windows):
    """For each place the window it is in (-1: none) and what a detection there is worth."""
    worth = [None] * length
    for number, (first, last) in enumerate(windows):
        for place in range(first, last + 1):
            worth[place] = (number, sigmoid(-(last - place + 1) / (last - first + 1)))
    before = None
    for place in range(length):
        if worth[place] is not None:
            before = worth[place][0]
        elif before is None:
            worth[place] = (-1, -1.0)
        else:
            first, last = windows[before]
            width = last - first
            worth[place] = (-1, sigmoid((place - last) / width) if width > 1 else -1.0)
    return worth


def nab_score(series, scores):
    """The score from 0 (nothing is found) to 100 (all at once, no false alarm) at the best threshold."""
    events, worth, windows = [], {}, 0
    for name, values, places in series:
        worth[name] = nab_weights(len(values), places)
        windows += len(places)
        probation = math.floor(0.15 * min(len(values), 5000))
        events += [(scores[name][place], name, place) for place in range(probation, len(values))]
    events.sort(key=lambda event: -event[0])
    most = sigmoid(-1.0)
    found, total, best, place = {}, -float(windows), -float(windows), 0
    while place < len(events):
        threshold = events[place][0]
        while place < len(events) and events[place][0] == threshold:
            _, name, at = events[place]
            window, weight = worth[name][at]
            if window < 0:
                total += FALSE_POSITIVE * weight
            else:
                weight /= most
                known = found.get((name, window))
                if known is None:
                    total += 1 + weight
                    found[name, window] = weight
                elif weight > known:
                    total += weight - known
                    found[name, window] = weight
            place += 1
        best = max(best, total)
    return 100 * (best + windows) / (2 * windows)


def windowed_gaussian(values, size=6400, step=100):
    sums = np.concatenate([[0], np.cumsum(values)])
    squares = np.concatenate([[0], np.cumsum(values**2)])
    scores = np.zeros(len(values))
    for place in range(1, len(values)):
        first, last = 0, place
        if place > size:
            first = (place - size) // step * step
            last = first + size
        mean = (sums[last] - sums[first]) / (last - first)
        variance = (squares[last] - squares[first]) / (last - first) - mean**2
        deviation = math.sqrt(max(variance, 0)) or 1e-6
        scores[place] = 1 - 0.5 * math.erfc(abs(values[place] - mean) / deviation / math.sqrt(2))
    return scores


def nab(folder):
    series = list(nab_series(folder))
    told = {
        name: [float(line) for line in ours("stream", "\n".join(map(repr, values.tolist())))[0]]
        for name, values, _ in series
    }
    gauss = {name: windowed_gaussian(values) for name, values, _ in series}
    windows = sum(len(places) for _, _, places in series)
    print(f"NAB, {len(series)} series with {windows} windows, standard profile")
    print(f"  netloom             {nab_score(series, told):6.1f}")
    print(f"  windowed Gaussian   {nab_score(series, gauss):6.1f}")


# --- Forecasts -----------------------------------------------------------------------------------


# Of each kind of the 18 metrics one or more.
CESNET_METRICS = ["n_flows", "n_packets", "n_bytes", "sum_n_dest_ip", "average_n_dest_asn", "std_n_dest_ports", "tcp_udp_ratio_packets",
                  "dir_ratio_bytes", "avg_duration", "avg_ttl"]


def cesnet(folder):
    """Series of one address; errors as shares of what they are compared with, for the units differ."""
    print("CESNET: mean absolute error over that of the last value, of the week before; 30 midnights of 60 days")
    print(f"  {'':<28}an hour ahead   24 hours ahead   80 % ranges held")
    shares, held, of = [], 0, 0
    for path in sorted((folder / "data").glob("*.csv")):
        table = pd.read_csv(path)
        for metric in CESNET_METRICS:
            lines, _ = ours("forecast", "\n".join(map(repr, table[metric].astype(float).tolist())))
            told = np.array([[float(cell) for cell in line.split(",")] for line in lines])
            step, truth, value, low, high, last, season = told.T
            error = lambda of, rows: np.abs(of - truth)[rows].mean()
            hour, day = step == 1, step > 0
            known = np.isfinite(low)
            inside = ((truth >= low) & (truth <= high))[known]
            shares.append((error(value, hour) / error(last, hour), error(value, day) / error(season, day), inside.mean()))
            held, of = held + inside.sum(), of + len(inside)
            share = shares[-1]
            print(f"  {path.stem} {metric:<24}{share[0]:13.3f}{share[1]:17.3f}{100 * share[2]:17.1f} %", flush=True)
    hour, day, inside = np.array(shares).T
    print(f"  {f'mean of {len(shares)}':<28}{hour.mean():13.3f}{day.mean():17.3f}{100 * inside.mean():17.1f} %")
    print(f"  pooled{'':<52}{100 * held / of:17.1f} %  of {of}")
    right = (inside >= 0.75) & (inside <= 0.85)
    print(f"  not worse: {(hour <= 1).sum()} and {(day < 1).sum()}; 75 to 85 % held: {right.sum()} of {len(shares)}")


# --- Detectors -----------------------------------------------------------------------------------

KDD_SYMBOLS = [1, 2, 3]
IDENTITY = {"id", "flow id", "src ip", "src port", "dst ip", "dst port", "timestamp", "label",
            "attempted category", "protocol"}


def tables(data):
    """Numbers only, the same on both sides, with whether a row is an attack."""
    kdd = pd.read_csv(data / "nsl-kdd/KDDTrain+_20Percent.txt", header=None)
    kdd = kdd.sample(10_000, random_state=0)
    yield "NSL-KDD", kdd.drop(columns=[*KDD_SYMBOLS, 41, 42]), kdd[41] != "normal"
    files = sorted((data / "cicids2017-improved").rglob("*.csv"))
    benign = [pd.read_csv(path) for path in files if path.stem.startswith("BENIGN")]
    for path in files:
        if path.stem.startswith("BENIGN") or not benign:
            continue
        # One attack in twenty flows.
        attacks = pd.read_csv(path).sample(len(benign[0]) // 20, random_state=0)
        table = pd.concat([benign[0], attacks], ignore_index=True)
        attack = pd.Series([False] * len(benign[0]) + [True] * len(attacks))
        keep = [column for column in table.columns if column.strip().lower() not in IDENTITY]
        numbers = table[keep].apply(pd.to_numeric, errors="coerce")
        yield f"CICIDS2017 {path.stem}", numbers.loc[:, numbers.notna().any()], attack


def detectors(data):
    names = ["isolation-forest", "nearest-distance", "autoencoder", "ensemble"]
    print("ROC-AUC without labels" + " " * 8 + "scikit-learn " + " ".join(f"{n:>16}" for n in names))
    for name, table, attack in tables(data):
        values = table.to_numpy(float)
        values[~np.isfinite(values)] = np.nan
        filled = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
        text = "\n".join(",".join(map(repr, row)) for row in filled.tolist())
        theirs = np.mean([
            roc_auc_score(attack, -IsolationForest(random_state=seed).fit(filled).score_samples(filled))
            for seed in range(5)
        ])
        mine = [roc_auc_score(attack, [float(line) for line in ours(n, text)[0]]) for n in names]
        print(f"  {name:<28}{theirs:12.3f} " + " ".join(f"{score:16.3f}" for score in mine))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--only", choices=["nab", "cesnet", "detectors"])
    options = parser.parse_args()
    if options.only in (None, "nab"):
        nab(options.data / "nab")
    if options.only in (None, "cesnet"):
        cesnet(options.data / "cesnet-ts")
    if options.only in (None, "detectors"):
        detectors(options.data)


if __name__ == "__main__":
    main()
