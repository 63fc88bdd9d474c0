#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Usage: export_test.py BUILD: what the scenarios of real packets left in BUILD/xen/netfront, as pcapng: tshark reads it,
counts the same packets, sees in their bytes what the records say of them, and shows what was read as comments. What passed a
filter in the guest's kernel is what tcpdump takes of the same packets."""
import csv
import glob
import io
import ipaddress
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
    out = subprocess.run(["tshark", "-r", file, "-T", "fields", "-E", "separator=\t", "-E", "occurrence=f", *ALONE, *options],
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


PORTS = [f"{transport}.{end}port" for transport in ("tcp", "udp", "sctp") for end in ("src", "dst")]
# tshark looks below MPLS, and at nothing of a packet that is shorter than its own header.
JUDGED_OTHERWISE = {"mpls", "ipv4-shorter-than-its-header"}
NUMBERS = ["length", "vlan", "ip_version", "ip_protocol", "source_port", "destination_port"]
SEEN = ["frame.len", "eth.src", "vlan.id", "ieee8021ad.id", "ip.src", "ip.dst", "ip.proto", "ip.frag_offset", "ip.flags.mf",
        "ipv6.src", "ipv6.dst", "ipv6.fraghdr.offset", "ipv6.fraghdr.more", *PORTS]
# It takes packets as they are, each for itself.
ALONE = ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"]


def odd_frames():
    """Names of the odd frames, by the address that they are sent from."""
    with open(os.path.join(os.path.dirname(__file__), "scenarios", "odd-frames.txt"), encoding="utf-8") as file:
        names = [line.split("|")[0].strip() for line in file if not line.startswith("#")]
    return {f"02:76:6d:61:00:{number:02x}": name for number, name in enumerate(names, 1)}


def plain(text):
    """An address as the record has it, for tshark's way to write it."""
    return ipaddress.ip_address(text).packed.hex().ljust(32, "0") if text else "0" * 32


def check_odd(record, packet, name):
    """One packet: what its record says beside what tshark sees in its bytes."""
    fragment, source, destination, *numbers = record
    told = dict(zip(NUMBERS, map(int, numbers)))
    seen = dict(zip(SEEN, packet))
    what = f"of {name}" if name else f"of a packet of {told['length']} bytes"
    expect(f"length {what}", told["length"], int(seen["frame.len"]))
    expect(f"VLAN {what}", told["vlan"] & 0xfff, int(seen["ieee8021ad.id"] or seen["vlan.id"] or 0))
    if not told["ip_version"] or name in JUDGED_OTHERWISE:
        return
    four = told["ip_version"] == 4
    expect(f"addresses {what}", (source, destination),
           tuple(plain(seen[f"{'ip' if four else 'ipv6'}.{end}"]) for end in ("src", "dst")))
    if four:
        expect(f"protocol {what}", told["ip_protocol"], int(seen["ip.proto"]))
    offset = int(seen["ip.frag_offset"] or seen["ipv6.fraghdr.offset"] or 0)
    more = (seen["ip.flags.mf"] or seen["ipv6.fraghdr.more"]) in ("1", "True")
    expect(f"fragment {what}", fragment,
           "PACKET_LATER_FRAGMENT" if offset else "PACKET_FIRST_FRAGMENT" if more else "PACKET_WHOLE")
    pairs = [(seen[f"{one}.srcport"], seen[f"{one}.dstport"]) for one in ("tcp", "udp", "sctp")]
    their = next((pair for pair in pairs if pair[0]), ("0", "0"))
    if told["ip_protocol"] in (6, 17, 132):
        expect(f"ports {what}", (str(told["source_port"]), str(told["destination_port"])), their)


def check_filters(odd, results, folder):
    """As many packets passed each filter in the guest's kernel as tcpdump takes of the same frames, captured without one."""
    whole = {}
    for rule in ("packet.rx", "packet.tx"):
        whole[rule] = os.path.join(folder, f"{rule}.pcapng")
        vmitap("export", odd, "--to", "pcapng", "--rule", rule, "-o", whole[rule])
    count = 0
    with open(results, encoding="utf-8") as file:
        for line in file:
            number, *filters = line.rstrip("\n").split(";")
            passed = recorded(results.replace(".txt", f"-{number}.mcap"), "rule", "bytes")
            for rule, text in zip(whole, filters):
                ours = sum(row[0] == rule and row[1][12:].startswith("02766d6100") for row in passed)
                listed = subprocess.run(["tcpdump", "-nr", whole[rule], f"ether[6:4] = 0x02766d61 and ({text})"],
                                        check=True, capture_output=True, text=True).stdout
                theirs = sum(line[:2].isdigit() for line in listed.split("\n"))
                expect(f"{rule} that pass '{text}'", ours, theirs)
                if not ours:
                    sys.exit(f"FAILED: nothing passes '{text}'")
                count += 1
    print(f"ok    {os.path.basename(results)}: {count} filters pass what tcpdump takes")


captures = sorted(glob.glob(os.path.join(build, "xen", "netfront", "packets-*.mcap")))
odds = sorted(glob.glob(os.path.join(build, "xen", "netfront", "odd-*.mcap")))
segments = sorted(glob.glob(os.path.join(build, "xen", "netfront", "tcp-*-sync.mcap")))
if not captures or not odds or not segments:
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
        if compared < (200 if "packets-vif" in file else 1000):  # 84-vif moves less
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
    for file in odds:
        vmitap("export", file, "--to", "pcapng", "-o", output)
        named = odd_frames()
        told = recorded(file, "packet.fragment", "packet.source", "packet.destination",
                        *(f"packet.{number}" for number in NUMBERS), "bytes")
        told = [row[:-1] for row in told if row[-1]]  # tcp.segment's have none
        seen = tshark(output, *SEEN)
        expect(f"packets of {file}", len(seen), len(told))
        for record, packet in zip(told, seen):
            check_odd(record, packet, named.get(packet[1], ""))
        print(f"ok    {os.path.basename(file)}: tshark sees what {len(seen):,} records say")
        filters = file.replace("odd-", "filtered-").replace(".mcap", ".txt")
        if os.path.exists(filters):
            check_filters(file, filters, folder)
