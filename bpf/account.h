/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Account: packets and bytes of each flow, for the flow log. Without `account` in the options the
 * verifier removes it.
 */
#pragma once

#include "bpf/flow.h"

static __always_inline void *account_table(long family) {
    return family == WEIR_V4 ? (void *)&accounts_v4 : (void *)&accounts_v6;
}

static __always_inline void account_open(long family, const struct weir_flow *entry,
                                         struct weir_account *account) {
    __builtin_memset(account, 0, sizeof(*account));
    account->service = entry->service;
    account->backend = entry->backend;
    entry_source(family, entry, &account->saddr);
    entry_destination(family, entry, &account->daddr);
    account->sport = entry->sport;
    account->dport = entry->dport;
    account->direction = entry->flags & WEIR_FLOW_REPLY ? WEIR_REPLY : WEIR_FORWARD;
}

/* Whether the account is this flow's: a client may have been given another backend since. */
static __always_inline int account_fits(long family, const struct weir_account *account,
                                        const struct weir_flow *entry) {
    struct weir_address from;
    struct weir_address to;

    entry_source(family, entry, &from);
    entry_destination(family, entry, &to);
    return account->service == entry->service && account->backend == entry->backend &&
           account->sport == entry->sport && account->dport == entry->dport &&
           nat_same_address(&account->saddr, &from) && nat_same_address(&account->daddr, &to);
}

/*
 * A packet that was translated, before its flow is followed. The last packets of a connection that
 * is over may come after its account was closed, and open none. A client that starts over does.
 */
static __noinline void account_packet(long family, const struct weir_packet *packet,
                                      const struct weir_flow *entry, __u32 packets, __u32 bytes) {
    struct weir_account *account;
    struct weir_account fresh;
    union weir_any_tuple key;

    flow_key(family, &packet->tuple, &key);
    account = bpf_map_lookup_elem(account_table(family), &key);
    if (!account || !account_fits(family, account, entry)) {
        if (entry->state == WEIR_FLOW_CLOSED)
            return;
        account_open(family, entry, &fresh);
        fresh.opened = packet->now;
        bpf_map_update_elem(account_table(family), &key, &fresh, account ? BPF_ANY : BPF_NOEXIST);
        account = bpf_map_lookup_elem(account_table(family), &key);
        if (!account)
            return;
    }
    account->seen = packet->now;
    account->state = entry->state;
    account->tcp_flags |= packet->tcp_flags;
    __sync_fetch_and_add(&account->packets, packets);
    __sync_fetch_and_add(&account->bytes, bytes);
}

/* The packet has moved its flow to the established table. */
static __noinline void account_establish(long family, const struct weir_packet *packet) {
    struct weir_account *account;
    union weir_any_tuple key;

    flow_key(family, &packet->tuple, &key);
    account = bpf_map_lookup_elem(account_table(family), &key);
    if (account)
        account->state = WEIR_FLOW_ESTABLISHED;
}
