#!/usr/bin/env python3
"""A network cable in user space: joins a TAP device to a wire.

Frames that leave the TAP go out on the wire and frames that arrive on the wire go into the TAP,
later, or not at all, as the options say. make-example.sh uses it for what a kernel may lack
modules for: a slow and lossy line, a firewall that drops without a word, and 802.1Q tags.

usage: link.py TAP WIRE [--vlan ID] [--delay MS] [--loss SHARE] [--drop-tcp-port PORT] [--seed N]
"""

import argparse
import fcntl
import heapq
import os
import random
import select
import socket
import struct
import time

TUNSETIFF = 0x400454CA
IFF_TAP_NO_PI = 0x0002 | 0x1000
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4
PACKET_OUTGOING = 4
ETH_P_ALL = 3


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP_NO_PI))
    return fd


def open_wire(name):
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    # The kernel takes the tag out of a frame and hands it over beside it.
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    wire.bind((name, 0))
    return wire


def receive(wire):
    """A frame and its VLAN (None: untagged); None for one that this host sent itself."""
    frame, control, _, address = wire.recvmsg(65536, 64)
    vlan = None
    for level, kind, data in control:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                vlan = tci & 0x0FFF
    return None if address[2] == PACKET_OUTGOING else (frame, vlan)


def is_tcp_to(frame, port):
    """Whether an IPv4 frame without options is TCP to that port."""
    return (
        len(frame) >= 38
        and frame[12:14] == b"\x08\x00"
        and frame[14] == 0x45
        and frame[23] == 6
        and struct.unpack("!H", frame[36:38])[0] == port
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tap")
    parser.add_argument("wire")
    parser.add_argument("--vlan", type=int)
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds, each way")
    parser.add_argument("--loss", type=float, default=0.0, help="share of frames, 0 to 1, each way")
    parser.add_argument("--drop-tcp-port", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    chance = random.Random(options.seed)
    tap, wire = open_tap(options.tap), open_wire(options.wire)
    queue, order = [], 0  # (due, order, goes to the wire, frame)

    while True:
        wait = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        ready, _, _ = select.select([tap, wire], [], [], wait)
        arrived = []
        if tap in ready:
            frame = os.read(tap, 65536)
            if options.vlan is not None:
                frame = frame[:12] + struct.pack("!HH", 0x8100, options.vlan) + frame[12:]
            arrived.append((True, frame))
        if wire in ready:
            got = receive(wire)
            if got and got[1] == options.vlan:
                frame = got[0]
                if options.drop_tcp_port is None or not is_tcp_to(frame, options.drop_tcp_port):
                    arrived.append((False, frame))
        for to_wire, frame in arrived:
            # Broadcast (ARP, neighbour discovery) is spared, so that the line is up at once.
            if not frame[0] & 1 and chance.random() < options.loss:
                continue
            order += 1
            heapq.heappush(queue, (time.monotonic() + options.delay / 1000, order, to_wire, frame))
        while queue and queue[0][0] <= time.monotonic():
            _, _, to_wire, frame = heapq.heappop(queue)
            try:
                wire.send(frame) if to_wire else os.write(tap, frame)
            except OSError:
                pass  # a device that is not up yet, or a full queue: the frame is lost


if __name__ == "__main__":
    main()
