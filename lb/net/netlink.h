// Owners of what libnl hands out.
#pragma once

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/msg.h>
#include <netlink/socket.h>

#include <memory>

namespace weir {

struct NetlinkDeleter {
    void operator()(nl_sock *socket) const { nl_socket_free(socket); }
    void operator()(nl_cache *cache) const { nl_cache_free(cache); }
    void operator()(nl_addr *address) const { nl_addr_put(address); }
    void operator()(nl_msg *message) const { nlmsg_free(message); }
};

using NetlinkSocket = std::unique_ptr<nl_sock, NetlinkDeleter>;
using NetlinkCache = std::unique_ptr<nl_cache, NetlinkDeleter>;
using NetlinkAddress = std::unique_ptr<nl_addr, NetlinkDeleter>;
using NetlinkMessage = std::unique_ptr<nl_msg, NetlinkDeleter>;

}  // namespace weir
