/* SPDX-License-Identifier: MIT */
/* What VMITAP_MARK and VMITAP_TRIGGER promise to C. */
#include "macros.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder.h"
#include "vmitap/mark.h"

struct point {
	int x;
	unsigned flag : 3;
	char name[5];
};
union either {
	int i;
	double d;
};
enum color { RED, GREEN };

int global;
static unsigned in_file;
static struct point table[4];
const char *const constant = "constant";
volatile short hot;
static _Atomic int atomic_number = 41;
/* Names that the descriptors use themselves. */
static int site, text;
VMITAP_MARK(global);
VMITAP_MARK(in_file);
VMITAP_MARK(table);
VMITAP_MARK(table[3].name);
VMITAP_MARK(constant);
VMITAP_MARK(hot);
VMITAP_MARK(site);
VMITAP_MARK(text);
VMITAP_MARK_AS(second, table[1]); VMITAP_MARK_AS(third, table[2]);

static void marks(void)
{
	static long inner;
	VMITAP_MARK(inner);

	EXPECT(mark_address("global") == &global && mark_size("global") == sizeof(int));
	EXPECT(mark_address("in_file") == &in_file);
	EXPECT(mark_address("table") == &table && mark_size("table") == sizeof(table));
	EXPECT(mark_address("table[3].name") == &table[3].name && mark_size("table[3].name") == 5);
	EXPECT(mark_address("constant") == &constant);
	EXPECT(mark_address("hot") == &hot && mark_size("hot") == sizeof(short));
	EXPECT(mark_address("site") == &site && mark_address("text") == &text);
	EXPECT(mark_address("second") == &table[1] && mark_address("third") == &table[2]);
	EXPECT(mark_address("inner") == &inner && mark_size("inner") == sizeof(long));
	EXPECT(mark_count("hidden_here") == 1);
}

static void types(void)
{
	struct point p = { 1, 2, "abc" };
	const struct point *pp = &p;
	union either u = { 3 };
	enum color c = GREEN;
	char word[7] = "hello";
	int matrix[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
	const volatile long cv = 12;
	struct {
		char word[7];
		struct point p;
		const struct point *pp;
		union either u;
		enum color c;
		int matrix[2][3];
		long cv;
		char literal[4];
		short hot;
		int atomic;
		int error;
		unsigned flag;
		char name[5];
		int (*function)(int);
		_Bool yes;
	} got;

	hot = 7;
	errno = EBADF;
	VMITAP_TRIGGER(types, word, p, pp, u, c, matrix, cv, "lit", hot, atomic_number, errno, +p.flag, pp->name,
		       &other_unit, (_Bool)1);
	EXPECT(fired_count("types") == 1);
	EXPECT(fired_size("types") == sizeof(got));
	memcpy(&got, fired_args("types"), sizeof(got));
	EXPECT(strcmp(got.word, "hello") == 0);
	EXPECT(got.p.x == 1 && got.p.flag == 2 && strcmp(got.p.name, "abc") == 0);
	EXPECT(got.pp == &p && got.u.i == 3 && got.c == GREEN);
	EXPECT(memcmp(got.matrix, matrix, sizeof(matrix)) == 0);
	EXPECT(got.cv == 12 && strcmp(got.literal, "lit") == 0 && got.hot == 7 && got.atomic == 41);
	EXPECT(got.error == EBADF && got.flag == 2 && strcmp(got.name, "abc") == 0);
	EXPECT(got.function == other_unit && got.yes);
	/* As written, whatever <errno.h> makes of it. */
	EXPECT(strcmp(argument_text("types", 11), "errno") == 0);
	EXPECT(strcmp(argument_text("types", 8), "\"lit\"") == 0);
	EXPECT(strcmp(argument_text("types", 13), "pp->name") == 0);
	EXPECT(strcmp(argument_text("types", 1), "word") == 0 && strcmp(argument_text("types", 15), "(_Bool)1") == 0);
}

static void counts(void)
{
	unsigned evaluated = 0;

	VMITAP_TRIGGER(none);
	EXPECT(fired_count("none") == 1 && fired_size("none") == 0);
	VMITAP_TRIGGER(sixteen, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
	EXPECT(fired_size("sixteen") == 16 * sizeof(int));
	for (int i = 0; i < 16; i++)
		EXPECT(((const int *)fired_args("sixteen"))[i] == i + 1);
	VMITAP_TRIGGER(once, evaluated++);
	EXPECT(evaluated == 1);
	disarm("unarmed");
	VMITAP_TRIGGER(unarmed, evaluated++);
	EXPECT(evaluated == 1 && fired_count("unarmed") == 0);
}

static void places(int yes)
{
	for (int i = 0; i < 3; i++)
		VMITAP_TRIGGER(loop, i);
	EXPECT(fired_count("loop") == 3 && *(const int *)fired_args("loop") == 2);
	if (yes)
		VMITAP_TRIGGER(then);
	else
		VMITAP_TRIGGER(otherwise);
	EXPECT(fired_count("then") == 1);
	EXPECT(in_header(5) == 5 && other_unit(6) == 6);
	EXPECT(fired_count("in_header") == 2);
}

int main(int argc, char **argv)
{
	(void)argv;
	marks();
	types();
	counts();
	places(argc);
	return 0;
}
