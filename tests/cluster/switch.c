/* A network switch in user space, for kernels without netem: what comes in
 * leaves after DELAY microseconds, and no faster than MBIT Mbit/s a port.
 *
 *   switch DELAY MBIT MTU NAMESPACE...
 *
 * makes the device eth0 in each network namespace (a file: /proc/PID/ns/net)
 * and forwards Ethernet frames between them until it is killed. It prints
 * "ready" when the devices are there. Root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 16, FRAMES = 4096, FRAME = 16384, ADDRESS = 6 };

typedef struct frame {
  double due;
  ssize_t length;
  unsigned char bytes[FRAME];
} frame;

/* Frames on their way out, in the order of their time. */
typedef struct port {
  int file;
  bool known; /* who is there */
  unsigned char address[ADDRESS];
  frame *frames;
  unsigned head, tail;
  double idle_at; /* when the last one has passed the cable */
} port;

static port ports[PORTS];
static int port_count;
static double delay, bytes_per_second;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* The device has to be made, and its MTU set, within the namespace. */
static int make_device(const char *name_space, int mtu) {
  int file = open(name_space, O_RDONLY | O_CLOEXEC);
  if (file < 0 || setns(file, CLONE_NEWNET) != 0) fail(name_space);
  close(file);
  int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_name = "eth0"};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  request.ifr_mtu = mtu;
  if (any < 0 || ioctl(any, SIOCSIFMTU, &request) != 0) fail("eth0: MTU");
  close(any);
  return tap;
}

/* A full queue drops the frame, as switches do. */
static void put(port *to, const unsigned char *bytes, ssize_t length,
                double time) {
  if (to->tail - to->head == FRAMES) return;
  if (to->idle_at < time) to->idle_at = time;
  to->idle_at += (double)length / bytes_per_second;
  frame *f = &to->frames[to->tail++ % FRAMES];
  f->due = to->idle_at + delay;
  f->length = length;
  memcpy(f->bytes, bytes, (size_t)length);
}

/* To whom it is addressed, or to all if that is nobody known. */
static void forward(int from, const unsigned char *bytes, ssize_t length) {
  double time = now();
  memcpy(ports[from].address, bytes + ADDRESS, ADDRESS);
  ports[from].known = true;
  bool to_many = (bytes[0] & 1) != 0;
  for (int i = 0; i < port_count && !to_many; i++)
    if (i != from && ports[i].known &&
        memcmp(ports[i].address, bytes, ADDRESS) == 0) {
      put(&ports[i], bytes, length, time);
      return;
    }
  for (int i = 0; i < port_count; i++)
    if (i != from) put(&ports[i], bytes, length, time);
}

static void take_in(int index) {
  static unsigned char bytes[FRAME];
  ssize_t length;
  while ((length = read(ports[index].file, bytes, sizeof bytes)) > 0)
    if (length >= 2 * ADDRESS) forward(index, bytes, length);
}

/* Sends what is due; the time of the next frame that is not. */
static double give_out(port *p, double next) {
  while (p->head != p->tail) {
    const frame *f = &p->frames[p->head % FRAMES];
    if (f->due > now()) return f->due < next ? f->due : next;
    if (write(p->file, f->bytes, (size_t)f->length) < 0 && errno == EAGAIN)
      return now() + 1e-4;
    p->head++;
  }
  return next;
}

int main(int argc, char **argv) {
  if (argc < 6 || argc - 4 > PORTS) {
    fprintf(stderr, "usage: switch DELAY MBIT MTU NAMESPACE...\n");
    return 2;
  }
  delay = strtod(argv[1], NULL) * 1e-6;
  bytes_per_second = strtod(argv[2], NULL) * 1e6 / 8;
  port_count = argc - 4;
  struct pollfd files[PORTS];
  for (int i = 0; i < port_count; i++) {
    ports[i].file = make_device(argv[4 + i], (int)strtol(argv[3], NULL, 10));
    ports[i].frames = calloc(FRAMES, sizeof(frame));
    if (ports[i].frames == NULL) fail("frames");
    files[i] = (struct pollfd){.fd = ports[i].file, .events = POLLIN};
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    double next = now() + 1;
    for (int i = 0; i < port_count; i++) next = give_out(&ports[i], next);
    double wait = next - now();
    long nanoseconds = wait > 0 ? (long)(wait * 1e9) : 0;
    struct timespec limit = {nanoseconds / 1000000000,
                             nanoseconds % 1000000000};
    if (ppoll(files, (nfds_t)port_count, &limit, NULL) < 0 && errno != EINTR)
      fail("ppoll");
    for (int i = 0; i < port_count; i++)
      if (files[i].revents != 0) take_in(i);
  }
}
