#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Usage: export_test.py BUILD: what the scenarios of real packets left in BUILD/xen/results, as pcapng: tshark reads it,
counts the same packets, sees in their bytes what the records say of them, and shows what was read as comments."""
import csv
import glob
import io
import os
import subprocess
import sys
import tempfile

build = sys.argv[1]
command = os.path.join(build, "vmitap")


def vmitap(*arguments):
    return subprocess.run([command, *arguments], check=True, capture_output=True, text=True).stdout


def tshark(file, *fields):
    """A tuple of these fields for each packet."""
    options = [word for field in fields for word in ("-e", field)]
    out = subprocess.run(["tshark", "-r", file, "-T", "fields", "-E", "separator=\t", "-E", "occurrence=f", *options],
                         check=True, capture_output=True, text=True).stdout
    return [tuple(line.split("\t")) for line in out.split("\n")[:-1]]


def recorded(file, *fields):
    rows = csv.reader(io.StringIO(vmitap("decode", file, "--format", "csv", "--fields", ",".join(fields))))
    return [tuple(row) for row in list(rows)[1:]]


def address(text):
    return ".".join(str(int(text[i:i + 2], 16)) for i in range(0, 8, 2))


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"FAILED: {what}: {found!r}, not {expected!r}")


captures = sorted(glob.glob(os.path.join(build, "xen", "results", "packets-*.mcap")))
segments = sorted(glob.glob(os.path.join(build, "xen", "results", "tcp-*-sync.mcap")))
if not captures or not segments:
    sys.exit("FAILED: the scenarios left no captures of packets")
with tempfile.TemporaryDirectory() as folder:
    output = os.path.join(folder, "exported.pcapng")
    for file in captures:
        vmitap("export", file, "--to", "pcapng", "-o", output)
        told = recorded(file, "args.packet.direction", "args.packet.length", "args.packet.ip_version",
                        "args.packet.source", "args.packet.destination", "args.packet.ip_protocol",
                        "args.packet.source_port", "args.packet.tcp_sequence")
        seen = tshark(output, "frame.packet_flags_direction", "frame.len", "ip.version", "ip.src", "ip.dst", "ip.proto",
                      "tcp.srcport", "tcp.seq_raw")
        expect(f"packets of {file}", len(seen), len(told))
        compared = 0
        for row, packet in zip(told, seen):
            expect("direction and length", packet[:2], ("0x00000001" if row[0] == "PACKET_RECEIVED" else "0x00000002", row[1]))
            if row[2] != "4":
                continue
            expect("addresses", packet[2:6], ("4", address(row[3]), address(row[4]), row[5]))
            if row[5] == "6":
                expect("ports and sequence", packet[6:], row[6:])
                compared += 1
        if compared < 1000:
            sys.exit(f"FAILED: only {compared} TCP segments in {file}")
        print(f"ok    {os.path.basename(file)}: tshark sees the same {len(seen):,} packets")
    for file in segments:
        vmitap("export", file, "--to", "pcapng", "-o", output)
        windows = [row[0] for row in recorded(file, "sk->snd_cwnd")]
        comments = [packet[0] for packet in tshark(output, "frame.comment")]
        expect(f"packets of {file}", len(comments), len(windows))
        for window, comment in zip(windows, comments):
            if f"sk->snd_cwnd: {window}" not in comment or "SYNC" not in comment:
                sys.exit(f"FAILED: the comment {comment!r} does not say that snd_cwnd was {window}")
        print(f"ok    {os.path.basename(file)}: tshark shows the variables of {len(comments):,} segments")
