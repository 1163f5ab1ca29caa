/*
 * tapclient CONTROL TAP - makes a tap device a port of a uml_switch-compatible
 * switch, as one UML with a fast processor would be: version 3 of the control
 * protocol, then frames as datagrams. Ends with the switch.
 *
 * Build:  cc -O2 -Wall -o tapclient tapclient.c
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SWITCH_MAGIC 0xfeedfaceU
#define TURN         16              /* frames moved one way before the other has its turn */
#define MAX_FRAME    65536

struct request_v3 {
    uint32_t magic, version, type;
    struct sockaddr_un sock;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int open_tap(const char *name)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) die("/dev/net/tun");
    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &ifr) < 0) die("TUNSETIFF");
    return fd;
}

/* Joins the switch: *data gets our socket, *peer the switch's address. Returns the control connection. */
static int attach(const char *control, int *data, struct sockaddr_un *peer)
{
    struct { char zero; int pid, usecs; } name = { .pid = getpid() };
    struct sockaddr_un path = { .sun_family = AF_UNIX };
    struct request_v3 request = { SWITCH_MAGIC, 3, 0, { .sun_family = AF_UNIX } };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(request.sock.sun_path, &name, sizeof name);
    *data = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(*data, (struct sockaddr *)&request.sock, sizeof request.sock) < 0) die("bind");
    if (strlen(control) >= sizeof path.sun_path) { errno = ENAMETOOLONG; die(control); }
    strcpy(path.sun_path, control);
    if (connect(fd, (struct sockaddr *)&path, sizeof path) < 0) die(control);
    if (write(fd, &request, sizeof request) != sizeof request) die("request");
    if (read(fd, peer, sizeof *peer) != sizeof *peer) die("reply");
    return fd;
}

int main(int argc, char **argv)
{
    static uint8_t frame[MAX_FRAME];
    struct sockaddr_un peer;
    int tap, data, control, i;
    ssize_t n;

    if (argc != 3) {
        fprintf(stderr, "usage: tapclient CONTROL TAP\n");
        return 2;
    }
    tap = open_tap(argv[2]);
    control = attach(argv[1], &data, &peer);
    puts("joined");
    fflush(stdout);
    for (;;) {
        struct pollfd p[3] = { { tap, POLLIN, 0 }, { data, POLLIN, 0 }, { control, POLLIN, 0 } };

        if (poll(p, 3, -1) < 0) die("poll");
        if (p[2].revents) return 0;
        for (i = 0; i < TURN && (n = read(tap, frame, sizeof frame)) > 0; i++)
            while (sendto(data, frame, n, 0, (struct sockaddr *)&peer, sizeof peer) < 0)
                if (errno != EAGAIN) die("send");
        for (i = 0; i < TURN && (n = recv(data, frame, sizeof frame, MSG_DONTWAIT)) > 0; i++)
            if (write(tap, frame, n) < 0 && errno != EIO) die("write");
    }
}
