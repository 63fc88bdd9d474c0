# SPDX-License-Identifier: MIT
"""Captures are read by @mcap/core, protobufjs and protoc to the values that went in.

Usage: oracle_test.py CAPTURE_PROGRAM ORACLE_DIR PROTOC
"""
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile


def comparable(message):
    # A C float has fewer digits than the double that JavaScript prints for it.
    if "f" in message.get("values", {}):
        message["values"]["f"] = struct.pack("<f", message["values"]["f"])
    return message


def main(program, oracle, protoc):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        capture, log = folder / "capture.mcap", folder / "log.jsonl"
        subprocess.run([program, capture, log], check=True)
        read = subprocess.run(["node", f"{oracle}/read.mjs", capture, folder], check=True, capture_output=True).stdout
        lines = [json.loads(line) for line in read.splitlines()]
        written = [json.loads(line) for line in log.read_text().splitlines()]

        attachments = [line for line in lines if "attachment" in line]
        assert len(attachments) == 1 and attachments[0]["attachment"] == "vmitap.Catalog:/usr/bin/router", attachments
        assert attachments[0]["message"]["buildId"] == "00ff", attachments

        messages = [line for line in lines if "topic" in line]
        assert messages[0]["topic"] == "vmitap.session" and messages[-1]["topic"] == "vmitap.summary"
        assert messages[-1]["message"]["lost"] == {"RING_FULL": "3", "NO_RING": "1"}, messages[-1]
        between = messages[1:-1]
        assert len(between) == len(written) > 12_000, (len(between), len(written))
        for found, expected in zip(between, written):
            comparable(found["message"])
            comparable(expected["message"])
            assert found == expected, f"\nfound    {found}\nexpected {expected}"

        # Stock protoc, on messages as they stand in the capture.
        for number in (1, 2, 4711, 11_999):
            name = "vmitap.rule.segments.Segments"
            with open(folder / f"segments.{number}.bin", "rb") as message:
                text = subprocess.run([protoc, f"--decode={name}", f"--descriptor_set_in={folder}/segments.desc"],
                                      stdin=message, check=True, capture_output=True, text=True).stdout
            expected = next(w["message"] for w in written if w["topic"] == "segments" and w["sequence"] == number)
            for field, value in (("sequence", expected["facts"]["sequence"]), ("pcb", expected["args"]["pcb"]),
                                 ("seg_len", expected["args"]["seg->len"]), ("pcb_state", expected["values"]["pcb->state"]),
                                 ("cwnd", expected["values"]["conn"]["cwnd"]), ("i64", expected["values"]["i64"]),
                                 ("flag", str(expected["values"]["flag"]).lower())):
                assert re.search(rf"^ *{field}: {re.escape(str(value))}$", text, re.M), f"{field}: {value} not in\n{text}"
    print(f"{len(between)} messages read as they were written")


if __name__ == "__main__":
    main(*sys.argv[1:])
