/* SPDX-License-Identifier: MIT */
/*
 * Sends frames as they are, odd ones above all, past all that a network stack would put right:
 *
 *	send_frames INTERFACE MAC TIMES <FRAMES
 *
 * FRAMES has a line for each: NAME | EXPECTED | BYTES, of which the bytes matter here, in hexadecimal from
 *the EtherType on; 00*8 are eight of them. Frame number N, counted from 1, comes from 02:76:6d:61:00:N and
 *goes to MAC. The whole list is sent TIMES times, as fast as it goes; what finds no room is not sent again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FRAMES_MAX = 255, FRAME_MAX = 1514, LINE_MAX_ = 8192, MAC = 6 };

static uint8_t frames[FRAMES_MAX][FRAME_MAX];
static size_t sizes[FRAMES_MAX];

static void die(const char* what) {
  fprintf(stderr, "send_frames: %s\n", what);
  exit(1);
}

/* The bytes of one word; how many. */
static size_t bytes_of(const char* word, uint8_t* to, size_t room) {
  const char* star = strchr(word, '*');
  const size_t times = star ? strtoul(star + 1, NULL, 10) : 1,
               digits = star ? (size_t)(star - word) : strlen(word);
  size_t size = 0;

  if (digits % 2) die("a word of bytes has an odd count of digits");
  for (size_t time = 0; time < times; time++)
    for (size_t at = 0; at < digits; at += 2, size++) {
      unsigned int byte = 0;

      if (size == room || sscanf(word + at, "%2x", &byte) != 1) die("a frame is too long, or no hexadecimal");
      to[size] = (uint8_t)byte;
    }
  return size;
}

static size_t read_frames(const uint8_t* mac) {
  static char line[LINE_MAX_];
  size_t count = 0;

  while (fgets(line, sizeof(line), stdin)) {
    char* bytes = strrchr(line, '|');

    if (line[0] == '#' || !bytes) continue;
    if (count == FRAMES_MAX) die("too many frames");
    memcpy(frames[count], mac, MAC);
    memcpy(frames[count] + MAC, (const uint8_t[]){2, 0x76, 0x6d, 0x61, 0, (uint8_t)(count + 1)}, MAC);
    sizes[count] = 2 * (size_t)MAC;
    for (const char* word = strtok(bytes + 1, " \n"); word; word = strtok(NULL, " \n"))
      sizes[count] += bytes_of(word, frames[count] + sizes[count], FRAME_MAX - sizes[count]);
    count++;
  }
  if (!count) die("no frames");
  return count;
}

static void send_all(int socket, struct sockaddr_ll* to, size_t count) {
  static struct mmsghdr messages[FRAMES_MAX];
  static struct iovec pieces[FRAMES_MAX];

  for (size_t i = 0; i < count; i++) {
    pieces[i] = (struct iovec){frames[i], sizes[i]};
    messages[i].msg_hdr =
        (struct msghdr){.msg_name = to, .msg_namelen = sizeof(*to), .msg_iov = &pieces[i], .msg_iovlen = 1};
  }
  for (size_t sent = 0; sent < count;) {
    const int some = sendmmsg(socket, messages + sent, (unsigned int)(count - sent), 0);

    if (some > 0)
      sent += (size_t)some;
    else if (errno == ENOBUFS || errno == EAGAIN)
      sent++;
    else
      die(strerror(errno));
  }
}

int main(int argc, char** argv) {
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = MAC};
  unsigned int mac[MAC];
  uint8_t address[MAC];
  size_t count;
  int out;

  if (argc != 4 ||
      sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != MAC) {
    fprintf(stderr, "usage: send_frames INTERFACE MAC TIMES <FRAMES\n");
    return 2;
  }
  for (int i = 0; i < MAC; i++) address[i] = (uint8_t)mac[i];
  count = read_frames(address);
  to.sll_ifindex = (int)if_nametoindex(argv[1]);
  out = socket(AF_PACKET, SOCK_RAW, 0);
  if (out < 0 || !to.sll_ifindex) die(strerror(errno));
  for (unsigned long left = strtoul(argv[3], NULL, 10); left; left--) send_all(out, &to, count);
  return 0;
}
