#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What may happen to a guest while it is captured: exit, exec, fork, vfork, SIGKILL, SIGSTOP, a first thread that ends."""
import os
import signal
import time

from harness import Flood, check, end, ended, fail, info, records, start, temporary, wait_until


def states(pid):
    return {open(f"/proc/{pid}/task/{task}/stat").read().rsplit(")", 1)[1].split()[0] for task in os.listdir(f"/proc/{pid}/task")}


def lost(described):
    """Fires, not ticks of the timer."""
    return sum(loss["count"] for loss in described["losses"] if loss["reason"] != "MISSED_TICK")


def modes(file):
    return {mode for rule in info(file)["rules"] for mode in rule["modes"]}


with temporary() as directory:
    file = os.path.join(directory, "life.mcap")
    sync = ["--on", "flood", "--mode", "sync", "--sync-timeout", "20s", "--read", "state", "-o", file]
    paused = ["--every", "2ms", "--mode", "paused", "--pause-budget", "100%", "--read", "state", "-o", file]

    for what, why in [("exit 3", "exited with status 3"), ("exec", "exec'd /usr/bin/sleep"), (signal.SIGKILL, "killed by signal 9")]:
        with Flood(directory) as guest:
            capture = start(guest, *sync)
            guest.do("pace 100")
            if what == signal.SIGKILL:
                guest.tell("flood 100000000")  # in mid-record
                time.sleep(0.2)
                guest.process.kill()
            else:
                guest.tell(what)
            said = ended(capture)
            described, fired = info(file), sum(guest.fired())
            if why not in said or why not in described["ended_by"]:
                fail(f"{what}: \"{why}\" is not in {said}")
            kept = described["records"] + described["lost"]
            doubtful = guest.threads if what == signal.SIGKILL else 0  # counted, and not yet begun
            if not fired - doubtful <= kept <= fired:
                fail(f"{what}: {fired} fires, {kept} told: {described['losses']}")
            print(f"{what}: {described['records']} records and {described['lost']} losses of {fired} fires; {described['ended_by']}")

    with Flood(directory) as guest:  # children fire, too
        capture = start(guest, *sync)
        for _ in range(3):
            guest.do("fork")
            guest.do("spawn")
            guest.do("pace 200")
        end(capture)
        check("the parent's records", (info(file)["records"], info(file)["lost"]), (sum(guest.fired()), 0))
        before = [0] * guest.threads
        for record in records(file):
            thread, n = record["args"]["self"], record["args"]["++counts[self]"]
            check(f"thread {thread}", (n, record["values"]["state"]["name"]), (before[thread] + 1, "flood"))
            before[thread] = n
        print(f"with 3 children that fire, the parent's {sum(before)} fires are all there, and nobody else's")

    with Flood(directory) as guest:  # an administrator's stop
        rules = os.path.join(directory, "rules.toml")
        open(rules, "w").write('pause_budget = "100%"\n[[rule]]\non = "flood"\nmode = "inline"\n'
                               '[[rule]]\nname = "beat"\nevery = "2ms"\nread = "state"\nmode = "paused"\n')
        capture = start(guest, "--rule", rules, "-o", file)
        guest.tell("pace 30000")
        wait_until("the first fires", lambda: sum(guest.fired()))
        guest.process.send_signal(signal.SIGSTOP)
        wait_until("the stop", lambda: states(guest.pid) <= {"T", "t"})
        before = guest.fired()
        time.sleep(0.5)  # of pauses
        check("fires of a guest that an administrator stopped", guest.fired(), before)
        guest.process.send_signal(signal.SIGCONT)
        check("the guest's answer", guest.process.stdout.readline(), b"done\n")
        guest.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        end(capture)  # although the guest cannot answer
        wait_until("the stop's return", lambda: states(guest.pid) == {"T"})
        described = info(file)
        told = {rule["name"]: rule for rule in described["rules"]}
        check("a stopped guest's records", (described["complete"], set(told["beat"]["modes"])), (True, {"PAUSED"}))
        check("its fires", told["flood"]["records"] + lost(described), sum(guest.fired()))
        guest.process.send_signal(signal.SIGCONT)
        guest.do("flood 10")
        print(f"a SIGSTOP stayed in force through {described['pauses']} pauses, and SIGCONT ended it")

    with Flood(directory) as guest:  # and of one that is waited for
        capture = start(guest, *sync)
        guest.tell("pace 1000")
        time.sleep(0.1)
        guest.process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        guest.process.send_signal(signal.SIGCONT)
        check("the guest's answer", guest.process.stdout.readline(), b"done\n")
        end(capture)
        check("records of a guest that was stopped", (info(file)["records"], info(file)["lost"], modes(file)),
              (sum(guest.fired()), 0, {"SYNC"}))

    with Flood(directory, 2, "orphan") as guest:  # its first thread is a zombie
        wait_until("the first thread's end", lambda: "Z" in states(guest.pid))
        capture = start(guest, *paused)
        guest.do("pace 3000")
        end(capture)
        check("modes of a guest without its first thread", modes(file), {"PAUSED"})
        print(f"a guest without its first thread was paused {info(file)['pauses']} times")
