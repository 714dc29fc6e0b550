/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Packet: what parsing finds out about a frame, and the headers that no kernel header describes. */
#pragma once

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/stddef.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>

#include "bpf/abi.h"

/*
 * Valued as AF_INET and AF_INET6. Functions that take one get a constant, and exist once per
 * family. They take it as a long: of a constant that clang spills as 32 bits, beside other things,
 * the verifier knows the value no more ("invalid access to map value, value_size=48 off=72").
 */
enum weir_family {
    WEIR_V4 = 2,
    WEIR_V6 = 10,
};

/* Room for either family; `head` is the part that both share. */
union weir_any_tuple {
    struct weir_tuple head;
    struct weir_tuple_v4 v4;
    struct weir_tuple_v6 v6;
};

enum {
    WEIR_TCP_FIN = 0x01,
    WEIR_TCP_SYN = 0x02,
    WEIR_TCP_RST = 0x04,
    WEIR_TCP_ACK = 0x10,
};

#define WEIR_IP_DONT_FRAGMENT 0x4000 /* RFC 791 */
#define WEIR_IP_MORE          0x2000
#define WEIR_IP_OFFSET        0x1fff
#define WEIR_IP6_MORE         0x0001 /* RFC 8200, 4.5 */
#define WEIR_IP6_OFFSET       0xfff8
#define WEIR_MAX_EXTENSIONS   6 /* IPv6 extension headers that are walked over */

/*
 * An offset read back from memory is masked with this before it is added to a packet pointer. The
 * verifier tracks packet pointers up to 64 KiB only, and refuses a 16-bit offset with "R9 offset is
 * outside of the packet". A packet whose L4 header starts later than this is not parsed.
 */
#define WEIR_OFFSET_MASK 0x1ff

enum weir_fragment_kind {
    WEIR_WHOLE = 0,
    WEIR_FIRST_FRAGMENT = 1,
    WEIR_LATER_FRAGMENT = 2, /* no L4 header: the ports are 0 */
};

/*
 * How much of what there is a hook deals with. XDP takes the plain case, a whole TCP segment or UDP
 * datagram in an untagged frame, and leaves all others to TC.
 */
enum weir_parse_scope {
    WEIR_PARSE_PLAIN = 0,
    WEIR_PARSE_ALL = 1, /* VLAN tags, fragments, ICMP and ICMPv6 as well */
};

/* A packet, as parsing found it. Offsets count from the start of the frame. */
struct weir_packet {
    union weir_any_tuple tuple;
    __u64 now;       /* set by the entry program: when it came, ns */
    __u32 ifindex;   /* set by the entry program: where it came from */
    __u32 seq;       /* TCP, host order */
    __u32 ack_seq;   /* TCP, host order */
    __u32 length;    /* of the frame */
    __u32 ip_length; /* header and payload, as the IP header gives them */
    __be32 fragment_id;
    __u16 l3_offset;
    __u16 l4_offset;
    __u16 l4_header;   /* bytes of the L4 header */
    __u8 tcp_flags;    /* WEIR_TCP_*; 0 for others */
    __u8 ttl;          /* or hop limit */
    __u8 tos;          /* or traffic class */
    __u8 fragment;     /* enum weir_fragment_kind */
    __u8 may_fragment; /* IPv4 without DF */
    __u8 is_icmp;
    __u8 icmp_type;
    __u8 opened; /* it opened its flow before its tuple was mapped */
    __u8 zero[2];
};

struct weir_vlan_tag {
    __be16 tci;
    __be16 type; /* of what follows */
};

struct weir_icmp {
    __u8 type;
    __u8 code;
    __sum16 check;
    __be32 rest;
};

struct weir_extension {
    __u8 next;
    __u8 length; /* in units of 8 bytes, the first not counted */
    __u8 third;  /* routing header: type; fragment header: with the fourth, offset and flags */
    __u8 fourth; /* routing header: segments left */
    __be32 id;   /* fragment header: identification */
};
