#!/usr/bin/env python3
"""Models of netloom and of scikit-learn side by side: the same columns, rows and seeds.

Prints, for each task and family, the score of both and their difference, and what `auto` reaches
beside the best of scikit-learn's families; with --speed, the seconds that learning and telling take.

    python3 -m venv venv && venv/bin/pip install 'scikit-learn==1.9.*' pandas pyarrow
    cargo build --release -p netloom-ml --example compare
    venv/bin/python crates/netloom-ml/compare/compare.py --data ../shared/data

Everything is defaults, on both sides. Trees and boosting see categories as numbers in alphabetical
order and missing values as they are; the others see standardised columns (naive Bayes: columns as
they are), means for what is missing, and a column for each category. On both sides this is learned
from the training rows alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

FAMILIES = {
    "decision-tree": (DecisionTreeClassifier, "trees", {}),
    "random-forest": (RandomForestClassifier, "trees", {}),
    "extra-trees": (ExtraTreesClassifier, "trees", {}),
    "gradient-boosting": (HistGradientBoostingClassifier, "trees", {}),
    "logistic-regression": (LogisticRegression, "scaled", {}),
    "k-neighbors": (KNeighborsClassifier, "scaled", {}),
    "naive-bayes": (GaussianNB, "filled", {}),
    "mlp": (MLPClassifier, "scaled", {"early_stopping": True}),
    "sgd": (SGDClassifier, "scaled", {"loss": "log_loss"}),
}
SEEDS = (0, 1, 2)
# Every seed gives the same model.
WITHOUT_CHANCE = {"logistic-regression", "k-neighbors", "naive-bayes"}
# Columns of flows that `netloom train` leaves out: they say who, where or when.
IDENTITY = {
    "flow_id", "community_id", "start", "end", "fwd_start", "fwd_end", "bwd_start", "bwd_end", "src_ip", "dst_ip", "src_port", "dst_port",
    "src_mac", "dst_mac", "src_vendor", "dst_vendor", "server_name", "domain", "username", "process", "pid", "user", "src_country",
    "dst_country", "first_packet_number", "closed_by_packet",
}


# ------------------------------------------------------------------ tasks
class Task:
    """Pairs of training and test tables with a column `label`, and what is scored."""

    def __init__(self, name, metric, parts, groups=None, times=None):
        self.name, self.metric, self.parts = name, metric, parts
        # For each part which of the training rows belong together, and when they were: `auto` holds
        # whole groups out, or what came later.
        self.groups = groups or [None] * len(parts)
        self.times = times or [None] * len(parts)

    def known(self, part):
        """The training rows of a part with what is known of them, and how `auto` is told so."""
        train, options = self.parts[part][0], []
        for name, values in (("group", self.groups[part]), ("time", self.times[part])):
            if values is not None:
                train = train.assign(**{f"known_{name}": values})
                options += [f"--{name}", f"known_{name}"]
        return train, options

    def score(self, told):
        """The score of all parts' predictions together: (classes, probabilities) of each."""
        truth = np.concatenate([test["label"].to_numpy() for _, test in self.parts])
        if self.metric == "PR-AUC":
            positive = [p[:, classes.index("1")] if "1" in classes else np.zeros(len(p)) for classes, p in told]
            return average_precision_score(truth == "1", np.concatenate(positive))
        guess = np.concatenate([np.array(classes)[p.argmax(axis=1)] for classes, p in told])
        return f1_score(truth, guess, average="macro", zero_division=0)


def cicids(data):
    folder = data / "cicids2017-improved" / "sampled_CICIDS2017_improved_rnd_5000"
    rows = pd.concat([pd.read_csv(path) for path in sorted(folder.glob("*.csv"))])
    rows = rows.sort_values("Timestamp", kind="stable")
    rows["label"] = rows["Label"]
    when = pd.to_datetime(rows["Timestamp"])
    rows = rows.drop(columns=["id", "Flow ID", "Src IP", "Src Port", "Dst IP", "Dst Port", "Timestamp", "Label", "Attempted Category"])
    rows = rows.replace([np.inf, -np.inf], np.nan)
    rows, when = rows.reset_index(drop=True), when.reset_index(drop=True)
    train, test = [], []
    for _, of_class in rows.groupby("label"):
        cut = int(len(of_class) * 0.7)
        train.append(of_class[:cut])
        test.append(of_class[cut:])
    train, test = pd.concat(train), pd.concat(test)
    return Task("CICIDS2017-improved, by time", "macro F1", [(train, test)], times=[when[train.index].to_numpy()])


def nsl_kdd(data):
    """Each fifth held out once; the predictions are scored together."""
    rows = pd.read_csv(data / "nsl-kdd" / "KDDTrain+_20Percent.txt", header=None)
    rows.columns = [f"c{number}" for number in rows.columns]
    rows["label"] = rows["c41"]
    # The last column tells how many of 21 learners were right: a result, not a feature.
    rows = rows.drop(columns=["c41", "c42"])
    # A class of fewer rows is not in each fifth, and scikit-learn's boosting stops at it.
    rows = rows[rows.groupby("label")["label"].transform("size") >= 5]
    parts = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(rows, rows["label"]):
        parts.append((rows.iloc[train], rows.iloc[test]))
    return Task("NSL-KDD", "macro F1", parts)


def iot23(data):
    parts = {}
    for path in sorted((data / "iot23-unsw" / "iot-23").glob("*.csv")):
        rows = pd.read_csv(path, na_values=["-", "(empty)"], low_memory=False)
        rows["label"] = rows["label"].str.lower().map({"benign": "0", "malicious": "1"})
        # Text, also where a scenario has none of it: scikit-learn's encoder refuses numbers there.
        rows = rows.astype({name: object for name in ("proto", "service", "conn_state", "history")})
        parts[path.name] = rows[["proto", "service", "duration", "orig_bytes", "resp_bytes", "conn_state", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes", "resp_pkts", "resp_ip_bytes", "label"]]
    return Task("IoT-23, a scenario left out", "PR-AUC", *leave_one_out(parts))


def c2(data):
    parts = {}
    for path in sorted((data / "c2-capstone" / "data" / "mixed").glob("*.csv")):
        rows = pd.read_csv(path).drop(columns=["src_ip", "dst_ip"])
        rows["label"] = rows.pop("c2_label").astype(str)
        parts[path.name.split("_")[0]] = rows
    return Task("C2, a framework left out", "macro F1", *leave_one_out(parts))


def modbus(data, netloom):
    """Each packet of a capture, with what is before it; no addresses."""
    folder = data / "modbus-cset16"
    parts, times = {}, {}
    columns = "ts,ethertype,protocol,len,ttl,tcp_flags,tcp_window,payload_len"
    for path in sorted(folder.glob("*.pcap")):
        with tempfile.NamedTemporaryFile(suffix=".csv") as out:
            subprocess.run([netloom, "export", "packets", str(path), "--columns", columns, "-o", out.name, "--no-progress"], check=True)
            rows = pd.read_csv(out.name)
        when = pd.to_datetime(rows.pop("ts"), format="ISO8601")
        rows["since_last"] = when.diff().dt.total_seconds().fillna(0.0)
        times[path.stem] = when.to_numpy()
        rows["len_before"] = rows["len"].shift(1)
        rows["len_before_that"] = rows["len"].shift(2)
        label = pd.read_csv(path.with_name(path.stem + "_labeled.csv"), sep=";", header=None)[1]
        if len(label) != len(rows):
            raise SystemExit(f"{path.name}: {len(label)} labels, {len(rows)} packets")
        rows["label"] = label.astype(int).astype(str)
        parts[path.stem] = rows
    pairs, _ = leave_one_out(parts)
    others = [times[other] for name in parts for other in parts if other != name]
    return Task("Modbus, one capture and the other", "PR-AUC", pairs, times=others)


def sentinel(data, netloom):
    """Each flow of the captures, by our features; devices that both setups have."""
    tables = {}
    for setup in ("C", "A"):
        paths = sorted((data / "iot-sentinel").rglob(f"Setup-{setup}-*.pcap"))
        with tempfile.NamedTemporaryFile(suffix=".parquet") as out:
            parts = []
            for path in paths:
                subprocess.run([netloom, "export", "flows", str(path), "-o", out.name, "--no-progress"], check=True)
                table = pa.parquet.read_table(out.name)
                nested = [field.name for field in table.schema if pa.types.is_nested(field.type)]
                rows = table.drop_columns([*nested, *(IDENTITY & set(table.column_names))]).to_pandas()
                parts.append(rows.assign(label=path.parent.name, capture=f"{path.parent.name}/{path.stem}"))
        tables[setup] = pd.concat(parts, ignore_index=True)
    both = set(tables["C"]["label"]) & set(tables["A"]["label"])
    train, test = (tables[setup][tables[setup]["label"].isin(both)] for setup in ("C", "A"))
    group = train["capture"].to_numpy()
    train, test = train.drop(columns="capture"), test.drop(columns="capture")
    # What no training row has is nothing to either side.
    empty = [name for name in train.columns if train[name].isna().all()]
    train, test = train.drop(columns=empty), test.drop(columns=empty)
    for name in train.columns:
        if pd.api.types.is_bool_dtype(train[name]):
            train[name], test[name] = train[name].astype(float), test[name].astype(float)
    return Task("IoT-Sentinel, setup C and A", "macro F1", [(train, test)], [group])


def leave_one_out(parts):
    """Pairs of training and test rows, and the parts that the training rows are from."""
    pairs, groups = [], []
    for name in parts:
        others = {other: rows for other, rows in parts.items() if other != name}
        pairs.append((pd.concat(others.values()), parts[name]))
        groups.append(np.concatenate([np.full(len(rows), other) for other, rows in others.items()]))
    return pairs, groups


# ------------------------------------------------------------------ both sides
def scikit(family, seed, train, test):
    """Classes, probabilities, and the seconds that fit() and predict_proba() took."""
    kind, preparation, parameters = FAMILIES[family]
    names = kind().get_params()
    if "random_state" in names:
        parameters = {**parameters, "random_state": seed}
    if "n_jobs" in names and kind is not LogisticRegression:
        parameters = {**parameters, "n_jobs": 2}
    categories = [c for c in train.columns if c != "label" and not pd.api.types.is_numeric_dtype(train[c])]
    numbers = [c for c in train.columns if c != "label" and c not in categories]
    if preparation == "trees":
        text = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan)
        steps = ColumnTransformer([("n", "passthrough", numbers), ("c", text, categories)])
    else:
        text = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        scale = [StandardScaler()] if preparation == "scaled" else []
        # A column without any value is 0 on both sides.
        number = make_pipeline(SimpleImputer(keep_empty_features=True), *scale)
        steps = ColumnTransformer([("n", number, numbers), ("c", text, categories)])
    model = make_pipeline(steps, kind(**parameters))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.perf_counter()
        model.fit(train.drop(columns="label"), train["label"])
        fit = time.perf_counter() - began
        began = time.perf_counter()
        told = model.predict_proba(test.drop(columns="label"))
        predict = time.perf_counter() - began
    return list(model.classes_), told, fit, predict


class Netloom:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def write(self, name, rows):
        path = self.folder / f"{name}.arrow"
        table = pa.Table.from_pandas(rows, preserve_index=False)
        with pa.ipc.new_file(path, table.schema) as out:
            out.write_table(table)
        return path

    def __call__(self, family, seed, train, test, threads=2, options=()):
        told = self.folder / "told.csv"
        done = subprocess.run(
            [self.program, "--train", train, "--test", test, "--model", family, "--seed", str(seed), "--threads", str(threads), "--out", told, *options],
            check=True, capture_output=True, text=True,
        )
        if done.stderr:
            print(f"      {done.stderr.strip()}")
        facts = json.loads(done.stdout)
        values = np.loadtxt(told, delimiter=",", ndmin=2)
        return facts["classes"], values, facts["fit"], facts["predict"]


# ------------------------------------------------------------------ what is printed
def quality(tasks, families, netloom, seeds):
    wins = total = 0
    misses = []
    for task in tasks:
        print(f"\n{task.name}: {task.metric}, mean of {len(seeds)} seeds")
        files = [(netloom.write(f"train{i}", train), netloom.write(f"test{i}", test)) for i, (train, test) in enumerate(task.parts)]
        best = 0.0
        for family in families:
            ours, theirs = [], []
            for seed in seeds[:1] if family in WITHOUT_CHANCE else seeds:
                theirs.append(task.score([scikit(family, seed, *part)[:2] for part in task.parts]))
                ours.append(task.score([netloom(family, seed, *part)[:2] for part in files]))
            best = max(best, np.mean(theirs))
            ok = np.mean(ours) >= np.mean(theirs) - 0.01
            if not ok:
                misses.append((task.name, family))
            print(f"  {family:20} netloom {np.mean(ours):.4f}   scikit-learn {np.mean(theirs):.4f}   {np.mean(ours) - np.mean(theirs):+.4f}   {'' if ok else 'MISS'}   (spread {np.ptp(ours):.3f}, {np.ptp(theirs):.3f})", flush=True)
        if "auto" in netloom.families:
            # Judged by what the task is scored by, as who has the task would ask for; no time budget.
            scoring = ["--param", f"scoring={'average_precision' if task.metric == 'PR-AUC' else 'f1_macro'}"]
            parts = []
            for i, (_, test) in enumerate(files):
                train, known = task.known(i)
                parts.append((netloom.write(f"known{i}", train), test, [*scoring, *known]))
            told = [task.score([netloom("auto", seed, train, test, options=options)[:2] for train, test, options in parts]) for seed in seeds]
            auto = np.mean(told)
            wins += auto >= best - 1e-12
            total += 1
            print(f"  {'auto':20} netloom {auto:.4f}   best of scikit-learn {best:.4f}   {auto - best:+.4f}   (spread {np.ptp(told):.3f})", flush=True)
    print(f"\nwithin 0.01 or better, but for {len(misses)}: {misses}")
    if total:
        print(f"auto at least as good as the best of scikit-learn's families: {wins} of {total} tasks")


def speed(families, netloom, repeats, rows=100_000, columns=80):
    x, y = make_classification(rows * 2, columns, n_informative=20, n_redundant=20, random_state=0)
    table = pd.DataFrame(x, columns=[f"c{number}" for number in range(columns)])
    table["label"] = y.astype(str)
    train, test = table[:rows], table[rows:]
    files = netloom.write("train", train), netloom.write("test", test)
    print(f"\n{rows} rows x {columns} columns, two threads: seconds, the best of {repeats}")
    for family in families:
        theirs = [scikit(family, 0, train, test) for _ in range(repeats)]
        ours = [netloom(family, 0, *files) for _ in range(repeats)]
        line = f"  {family:20}"
        for what, place in (("fit", 2), ("predict", 3)):
            a, b = min(run[place] for run in ours), min(run[place] for run in theirs)
            line += f"   {what}: netloom {a:8.3f}, scikit-learn {b:8.3f} ({b / a:5.1f} times{'' if a <= b else ', MISS'})"
        predict = min(run[3] for run in ours)
        print(line + f"   {rows / predict:,.0f} rows a second", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--program", default="target/release/examples/compare")
    parser.add_argument("--netloom", default="target/release/netloom", help="for what is made from captures")
    parser.add_argument("--tasks", default="cicids,nsl-kdd,iot-23,c2,modbus,sentinel")
    parser.add_argument("--families", default=",".join([*FAMILIES, "auto"]))
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--repeats", type=int, default=3, help="how often --speed runs each")
    options = parser.parse_args()
    families = options.families.split(",")
    makers = {
        "cicids": lambda: cicids(options.data),
        "nsl-kdd": lambda: nsl_kdd(options.data),
        "iot-23": lambda: iot23(options.data),
        "c2": lambda: c2(options.data),
        "modbus": lambda: modbus(options.data, options.netloom),
        "sentinel": lambda: sentinel(options.data, options.netloom),
    }
    with tempfile.TemporaryDirectory() as folder:
        netloom = Netloom(options.program, Path(folder))
        netloom.families = families
        if options.speed:
            speed([f for f in families if f != "auto"], netloom, options.repeats)
        else:
            tasks = [makers[name]() for name in options.tasks.split(",")]
            quality(tasks, [f for f in families if f != "auto"], netloom, range(options.seeds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
