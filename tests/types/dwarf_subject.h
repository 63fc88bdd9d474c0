/* SPDX-License-Identifier: MIT */
/*
 * Types in all the forms that C has for them. Compiled by several compilers into several forms of DWARF
 * (dwarf_subjects.cmake), and into dwarf_c_test.cpp, where the compiler's own layout is the oracle.
 */
#ifndef DWARF_SUBJECT_H
#define DWARF_SUBJECT_H

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

typedef uint16_t u16_t;
typedef u16_t port_t;

enum tcp_state { CLOSED, LISTEN, SYN_SENT, TIME_WAIT = 10, LARGE = 200 };
enum with_negative { MINUS = -5, PLUS = 5, WIDE = 300 };
enum with_64_bits { HUGE_VALUE = 0x123456789abcdef0ULL };

struct scalars {
	char character;
	signed char signed_character;
	unsigned char unsigned_character;
	short short_number;
	unsigned short unsigned_short;
	int number;
	unsigned unsigned_number;
	long long_number;
	unsigned long unsigned_long;
	long long long_long;
	__int128 wide;
	unsigned __int128 unsigned_wide;
	bool truth;
	float single_float;
	double double_float;
	long double extended_float;
	wchar_t wide_character;
	port_t port;
	enum tcp_state state;
	enum with_negative negative;
	enum with_64_bits huge;
};

struct node;
struct elsewhere; /* defined in another translation unit */
struct nowhere;	  /* defined in none */

struct pointers {
	void *any;
	const char *text;
	int **twice;
	struct node *node;
	struct elsewhere *elsewhere;
	struct nowhere *nowhere;
	int (*function)(int, char);
	void (*functions[4])(void);
	int (*row)[3];
	const volatile int *qualified;
};

struct node {
	struct node *next;
	struct pointers *pointers;
};

struct arrays {
	int line[5];
	int table[2][3];
	float cube[2][3][4];
	struct node nodes[2];
	char name[16];
	port_t ports[3];
	int none[0];
	char tail[];
};

struct nested {
	int first;
	struct {
		int in_struct;
		union {
			int as_int;
			float as_float;
		};
	};
	struct {
		char c;
		double d;
	} named, several[2];
	struct inner {
		long value;
	} inner;
	union {
		struct {
			unsigned char low, high;
		};
		uint16_t both;
	};
};

struct bits {
	int a : 3;
	unsigned b : 5;
	unsigned c : 20;
	int d : 12;
	unsigned long e : 40;
	unsigned char f : 2;
	unsigned : 5; /* padding: no member */
	int : 0;
	bool g : 1;
	enum tcp_state h : 8;
	uint16_t i : 15;
	long long j : 63;
	char plain;
	unsigned k : 31;
};

struct __attribute__((packed)) packed_bits {
	char c;
	unsigned a : 17;
	unsigned long b : 45;
	int d : 3;
	double misaligned;
	uint32_t e : 31;
};

struct __attribute__((aligned(64))) aligned {
	int value;
	int far_off __attribute__((aligned(32)));
};

union number {
	int integer;
	double real;
	unsigned char bytes[8];
	unsigned bits : 11;
};

struct everything {
	struct scalars scalars;
	struct pointers pointers;
	struct nested nested;
	struct bits bits;
	struct packed_bits packed_bits;
	struct aligned aligned;
	union number number;
};

#endif /* DWARF_SUBJECT_H */
