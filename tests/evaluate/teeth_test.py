#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/evaluate/teeth.py finds each cut of a congestion window once, whatever the order of two processors' records."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench/evaluate"))
import teeth  # noqa: E402 # pylint: disable=wrong-import-position

OPEN, RECOVERY = 0, 3


def segments(*rows):
    return [(time, window, 40000, state, sequence) for time, (window, state, sequence) in enumerate(rows)]


class Teeth(unittest.TestCase):
    def test_a_cut_is_from_the_window_before_to_the_one_behind(self):
        self.assertEqual(teeth.teeth(segments((20, OPEN, 0), (20, RECOVERY, 7), (14, RECOVERY, 7), (14, OPEN, 7), (15, OPEN, 7))), [(20, 14)])

    def test_a_second_cut_may_follow_at_once(self):
        found = teeth.teeth(segments((20, OPEN, 0), (14, RECOVERY, 7), (14, RECOVERY, 9), (10, OPEN, 9)))
        self.assertEqual(found, [(20, 14), (14, 10)])

    def test_records_that_changed_places_are_no_further_recovery(self):
        rows = segments((20, OPEN, 0), (20, RECOVERY, 7), (14, OPEN, 7), (14, RECOVERY, 7), (14, OPEN, 7))
        self.assertEqual(teeth.of_connection("tcp 10.77.1.2:40000 <-> 10.77.1.1:5001", rows)["recoveries"], 1)

    def test_a_window_that_stays_did_not_fall(self):
        told = teeth.of_connection("tcp 10.77.1.2:40000 <-> 10.77.1.1:5002", segments((20, OPEN, 0), (20, RECOVERY, 7), (20, OPEN, 7)))
        self.assertEqual((told["recoveries"], told["fell"], told["congestion"]), (1, 0, "Reno"))


def cut(time, sequence):
    return [(time * 10**9, 20, 40000, RECOVERY, sequence), (time * 10**9 + 4 * 10**8, 14, 40000, OPEN, sequence)]


class Shown(unittest.TestCase):
    def connection(self, first, cuts, last):
        return [(first * 10**9, 20, 40000, OPEN, 0), *(record for number, time in enumerate(cuts) for record in cut(time, number + 1)),
                (last * 10**9, 20, 40000, OPEN, 0)]

    def test_begins_where_both_have_been_cut_and_shows_a_dozen_more(self):
        often, seldom = self.connection(100, range(102, 140), 150), self.connection(101, [107, 120, 130], 150)
        self.assertEqual(teeth.shown([often, seldom]), (7, 12))
        self.assertEqual(teeth.shown([seldom, often]), (7, 12))

    def test_ends_with_the_connection_that_ends_first(self):
        self.assertEqual(teeth.shown([self.connection(100, [102, 104], 106), self.connection(100, [103, 104], 150)]), (3, 3))

    def test_the_capture_s_moments_are_nanoseconds_and_no_rounding_reaches_back_before_the_cut(self):
        now = 1795872680704173584
        connection = [(now, 20, 40000, OPEN, 0), (now + 1_234_567_890, 20, 40000, RECOVERY, 7), (now + 9_876_543_210, 14, 40000, OPEN, 7)]
        begin, span = teeth.shown([connection])
        self.assertEqual(begin, 1.24)
        self.assertAlmostEqual(span, 8.63)


class Problems(unittest.TestCase):
    GOOD = {"connections": [{"connection": "a", "recoveries": 9}, {"connection": "b", "recoveries": 12}], "records": 9000, "lost": 0, "late": 15,
            "recoveries": 21, "recoveries_counted": 21, "fell": 20, "retransmits": 39, "retransmits_counted": 39, "undone": 0}

    def found(self, **other):
        return teeth.problems({**self.GOOD, **other})

    def test_a_capture_that_agrees_with_the_kernel_has_none(self):
        self.assertEqual(self.found(), [])

    def test_only_what_was_lost_excuses_a_recovery_that_is_missing(self):
        self.assertIn("the guest counted 22", self.found(recoveries_counted=22)[0])
        self.assertIn("the guest counted 20", self.found(recoveries_counted=20)[0])
        self.assertEqual(self.found(recoveries_counted=22, lost=1), [])

    def test_what_was_lost_excuses_little_and_much_of_it_is_wrong_by_itself(self):
        self.assertEqual(self.found(lost=9), [])
        self.assertIn("10 records were lost", self.found(lost=10)[0])
        self.assertIn("100 records were lost", self.found(lost=100, recoveries_counted=80)[0])
        self.assertIn("the guest counted 31", self.found(lost=9, recoveries_counted=31)[0])

    def test_a_retransmit_that_is_missing_or_too_many(self):
        self.assertIn("the guest counted 40", self.found(retransmits_counted=40)[0])
        self.assertIn("the guest counted 38", self.found(retransmits_counted=38)[0])

    def test_what_is_no_sawtooth(self):
        self.assertIn("the window of a", self.found(connections=[{"connection": "a", "recoveries": 3}, self.GOOD["connections"][1]])[0])
        self.assertIn("1 connections", self.found(connections=self.GOOD["connections"][:1])[0])
        self.assertIn("only 15 made the window fall", self.found(fell=15)[0])


if __name__ == "__main__":
    unittest.main()
