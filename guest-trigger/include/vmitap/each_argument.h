/* SPDX-License-Identifier: MIT */
/*
 * Preprocessor part of VMITAP_TRIGGER: counts up to 16 arguments, spells them, maps a macro over them.
 * ", ##__VA_ARGS__" hands arguments on unexpanded, so that errno is spelled "errno" and not what
 * <errno.h> makes of it.
 */
#ifndef VMITAP_EACH_ARGUMENT_H
#define VMITAP_EACH_ARGUMENT_H

/* How many arguments stand behind the first one. */
#define VMITAP_COUNT_(...) VMITAP_18TH_(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)
#define VMITAP_18TH_(a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, n, ...) n

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

/* VMITAP_TEXT_n(, name, a1, ... an): "name\0a1\0...an" */
#define VMITAP_TEXT_0(x, a) #a
#define VMITAP_TEXT_1(x, a, ...) #a "\0" VMITAP_TEXT_0(x, ##__VA_ARGS__)
#define VMITAP_TEXT_2(x, a, ...) #a "\0" VMITAP_TEXT_1(x, ##__VA_ARGS__)
#define VMITAP_TEXT_3(x, a, ...) #a "\0" VMITAP_TEXT_2(x, ##__VA_ARGS__)
#define VMITAP_TEXT_4(x, a, ...) #a "\0" VMITAP_TEXT_3(x, ##__VA_ARGS__)
#define VMITAP_TEXT_5(x, a, ...) #a "\0" VMITAP_TEXT_4(x, ##__VA_ARGS__)
#define VMITAP_TEXT_6(x, a, ...) #a "\0" VMITAP_TEXT_5(x, ##__VA_ARGS__)
#define VMITAP_TEXT_7(x, a, ...) #a "\0" VMITAP_TEXT_6(x, ##__VA_ARGS__)
#define VMITAP_TEXT_8(x, a, ...) #a "\0" VMITAP_TEXT_7(x, ##__VA_ARGS__)
#define VMITAP_TEXT_9(x, a, ...) #a "\0" VMITAP_TEXT_8(x, ##__VA_ARGS__)
#define VMITAP_TEXT_10(x, a, ...) #a "\0" VMITAP_TEXT_9(x, ##__VA_ARGS__)
#define VMITAP_TEXT_11(x, a, ...) #a "\0" VMITAP_TEXT_10(x, ##__VA_ARGS__)
#define VMITAP_TEXT_12(x, a, ...) #a "\0" VMITAP_TEXT_11(x, ##__VA_ARGS__)
#define VMITAP_TEXT_13(x, a, ...) #a "\0" VMITAP_TEXT_12(x, ##__VA_ARGS__)
#define VMITAP_TEXT_14(x, a, ...) #a "\0" VMITAP_TEXT_13(x, ##__VA_ARGS__)
#define VMITAP_TEXT_15(x, a, ...) #a "\0" VMITAP_TEXT_14(x, ##__VA_ARGS__)
#define VMITAP_TEXT_16(x, a, ...) #a "\0" VMITAP_TEXT_15(x, ##__VA_ARGS__)

#ifdef __clang__
#pragma clang diagnostic pop
#endif

/* VMITAP_EACH_n(m, name, a1, ... an): m(1, a1) ... m(n, an) */
#define VMITAP_EACH_0(m, name)
#define VMITAP_EACH_1(m, name, a1) m(1, a1)
#define VMITAP_EACH_2(m, name, a1, a2) m(1, a1) m(2, a2)
#define VMITAP_EACH_3(m, name, a1, a2, a3) m(1, a1) m(2, a2) m(3, a3)
#define VMITAP_EACH_4(m, name, a1, a2, a3, a4) m(1, a1) m(2, a2) m(3, a3) m(4, a4)
#define VMITAP_EACH_5(m, name, a1, a2, a3, a4, a5) m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5)
#define VMITAP_EACH_6(m, name, a1, a2, a3, a4, a5, a6) m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6)
#define VMITAP_EACH_7(m, name, a1, a2, a3, a4, a5, a6, a7) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7)
#define VMITAP_EACH_8(m, name, a1, a2, a3, a4, a5, a6, a7, a8) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8)
#define VMITAP_EACH_9(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) m(9, a9)
#define VMITAP_EACH_10(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10)
#define VMITAP_EACH_11(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10) m(11, a11)
#define VMITAP_EACH_12(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10) m(11, a11) m(12, a12)
#define VMITAP_EACH_13(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10) m(11, a11) m(12, a12) m(13, a13)
#define VMITAP_EACH_14(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10) m(11, a11) m(12, a12) m(13, a13) m(14, a14)
#define VMITAP_EACH_15(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10) m(11, a11) m(12, a12) m(13, a13) m(14, a14) m(15, a15)
#define VMITAP_EACH_16(m, name, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16) \
	m(1, a1) m(2, a2) m(3, a3) m(4, a4) m(5, a5) m(6, a6) m(7, a7) m(8, a8) \
	m(9, a9) m(10, a10) m(11, a11) m(12, a12) m(13, a13) m(14, a14) m(15, a15) m(16, a16)

#endif /* VMITAP_EACH_ARGUMENT_H */
