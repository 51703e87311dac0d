#!/usr/bin/env python3
"""Kitsune of netloom and of its authors side by side: the same packets, the same rows to learn from.

Prints for each capture the ROC-AUC of both over the packets that were not learnt from, and packets a
second of processor time (both read packets that tshark took apart before). The authors' program is
fetched by its user (https://github.com/ymirsky/Kitsune-py, in a folder of its own); nothing of it is
here.

    python3 -m venv venv && venv/bin/pip install 'numpy<2' scipy cython scapy scikit-learn
    cargo build --release -p netloom-ml --example kitsune
    venv/bin/python crates/netloom-ml/compare/kitsune.py --data ../shared/data --theirs Kitsune-py
"""

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

ROOT = Path(__file__).resolve().parents[3]
FIELDS = """frame.time_epoch frame.len eth.src eth.dst ip.src ip.dst tcp.srcport tcp.dstport
udp.srcport udp.dstport icmp.type icmp.code arp.opcode arp.src.hw_mac arp.src.proto_ipv4
arp.dst.hw_mac arp.dst.proto_ipv4 ipv6.src ipv6.dst""".split()


def rows_of(capture):
    """What tshark says of each packet, in the order of the capture, as the authors' program asks it."""
    command = ["tshark", "-r", capture, "-T", "fields", "-E", "occurrence=f"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def captures(data):
    """Name, rows and whether each is an attack."""
    folder = data / "modbus-cset16"
    for name in ["characterization_modbus_6RTU_with_operate", "moving_two_files_modbus_6RTU"]:
        labels = [line.split(";")[1] == "1" for line in (folder / f"{name}_labeled.csv").read_text().split()]
        yield f"Modbus {name}", rows_of(folder / f"{name}.pcap"), labels
    # What is normal, then the same for ever with something else in between every other second.
    normal = rows_of(sorted((data / "dns-tunnel/normal").rglob("*.pcap"))[0])
    for name, path in [
        ("DNS, then dnscat2", sorted((data / "dns-tunnel/tunnel").rglob("dnscat2-cname*.pcap"))[0]),
        ("DNS, then a SYN flood", data / "stopddos/pkt.TCP.synflood.spoofed.pcap"),
    ]:
        attack = rows_of(path)
        half = float(normal[len(normal) // 2][0])
        shift = half - float(attack[0][0])
        moved = [[f"{float(row[0]) + shift:.9f}", *row[1:]] for row in attack]
        both = [(row, False) for row in normal] + [(row, True) for row in moved]
        both.sort(key=lambda pair: float(pair[0][0]))
        yield name, [row for row, _ in both], [label for _, label in both]


def theirs(rows, mapping, training, folder):
    sys.path.insert(0, str(folder))
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file, contextlib.redirect_stdout(io.StringIO()):
        from Kitsune import Kitsune

        file.write("\n".join("\t".join(row) for row in [FIELDS, *rows]) + "\n")
        file.flush()
        kitsune = Kitsune(file.name, np.inf, 10, mapping, training)
        begin, scores = time.process_time(), []
        while len(scores) < len(rows):
            scores.append(float(kitsune.proc_next_packet()))
        return np.array(scores), time.process_time() - begin


def ours(rows, mapping, training, program):
    lines = []
    for row in rows:
        at = dict(zip(FIELDS, row))
        whole, _, part = at["frame.time_epoch"].partition(".")
        is_tcp = bool(at["tcp.srcport"])
        protocol = 6 if is_tcp else 17 if at["udp.srcport"] else 0
        kind = "tcp" if is_tcp else "udp"
        cells = [
            whole + (part + "0" * 9)[:9], at["frame.len"], at["eth.src"], at["eth.dst"],
            at["ip.src"] or at["ipv6.src"] or at["arp.src.proto_ipv4"],
            at["ip.dst"] or at["ipv6.dst"] or at["arp.dst.proto_ipv4"],
            at[f"{kind}.srcport"], at[f"{kind}.dstport"], str(protocol),
        ]
        lines.append("\t".join(cells))
    done = subprocess.run(
        [program, str(mapping), str(training)], input="\n".join(lines), check=True, capture_output=True, text=True
    )
    return np.array([float(line) for line in done.stdout.splitlines()]), float(done.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--theirs", type=Path, required=True, help="where the authors' program is")
    parser.add_argument("--program", default=ROOT / "target/release/examples/kitsune")
    options = parser.parse_args()
    for name, rows, labels in captures(options.data):
        # A quarter to learn from, an eleventh of it the groups of features, as in the paper.
        learnt = len(rows) // 4
        mapping = learnt // 11
        training = learnt - mapping
        mine, my_seconds = ours(rows, mapping, training, options.program)
        other, their_seconds = theirs(rows, mapping, training, options.theirs)
        # Theirs learns from one more of each.
        labels, rest = np.array(labels), slice(learnt + 2, None)
        if len(mine) != len(other) or len(mine) != len(labels):
            raise SystemExit(f"{name}: {len(mine)}, {len(other)} scores, {len(labels)} labels")
        print(
            f"{name}: {len(rows)} packets, {int(labels[rest].sum())} of {len(labels[rest])} not learnt from are attacks\n"
            f"  ROC-AUC   netloom {roc_auc_score(labels[rest], mine[rest]):.4f}, theirs {roc_auc_score(labels[rest], other[rest]):.4f}\n"
            f"  packets/s netloom {len(rows) / my_seconds:,.0f}, theirs {len(rows) / their_seconds:,.0f}: {their_seconds / my_seconds:.0f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()
