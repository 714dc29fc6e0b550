#include "lb/dataplane/socket_diag.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "lb/dataplane/program_ids.h"
#include "lb/net/netlink.h"

namespace weir {

namespace {

// Not those that listen, or have ended and wait: both have no program that hangs on a peer.
constexpr std::uint32_t kStates = (1U << TCP_ESTABLISHED) | (1U << TCP_SYN_SENT) |
                                  (1U << TCP_FIN_WAIT1) | (1U << TCP_FIN_WAIT2) |
                                  (1U << TCP_CLOSE_WAIT) | (1U << TCP_LAST_ACK);

tl::unexpected<Error> diag_error(int error) {
    return fail(
        Exit::refused,
        fmt::format("cannot look at the sockets of this host (sock_diag): {}", nl_geterror(error)));
}

Result<NetlinkSocket> open_socket() {
    NetlinkSocket socket(nl_socket_alloc());
    if (!socket)
        return diag_error(-NLE_NOMEM);
    if (const int error = nl_connect(socket.get(), NETLINK_SOCK_DIAG); error != 0)
        return diag_error(error);
    return socket;
}

inet_diag_req_v2 request_for(int family, Protocol protocol) {
    inet_diag_req_v2 request{};
    request.sdiag_family = static_cast<std::uint8_t>(family);
    request.sdiag_protocol = static_cast<std::uint8_t>(protocol);
    request.idiag_states = kStates;
    return request;
}

// What the map holds of the socket of one answer. The kernel nests it: all maps, one map, its
// value.
std::optional<weir_socket> stored(nlmsghdr *header, std::uint32_t map) {
    nlattr *const all = nlmsg_find_attr(header, sizeof(inet_diag_msg), INET_DIAG_SK_BPF_STORAGES);
    if (all == nullptr)
        return std::nullopt;
    int rest = 0;
    nlattr *one = nullptr;
    nla_for_each_nested(one, all, rest) {
        nlattr *const id = nla_find(static_cast<nlattr *>(nla_data(one)), nla_len(one),
                                    SK_DIAG_BPF_STORAGE_MAP_ID);
        nlattr *const value = nla_find(static_cast<nlattr *>(nla_data(one)), nla_len(one),
                                       SK_DIAG_BPF_STORAGE_MAP_VALUE);
        if (id == nullptr || value == nullptr || nla_get_u32(id) != map ||
            static_cast<std::size_t>(nla_len(value)) < sizeof(weir_socket))
            continue;
        weir_socket socket{};
        std::memcpy(&socket, nla_data(value), sizeof socket);
        return socket;
    }
    return std::nullopt;
}

// Of UDP sockets the kernel tells nothing that is stored with them.
std::optional<weir_socket> listed(const inet_diag_msg &answer, int udp_sockets) {
    constexpr unsigned kHalf = 32;
    const std::uint64_t cookie =
        answer.id.idiag_cookie[0] | std::uint64_t{answer.id.idiag_cookie[1]} << kHalf;
    weir_socket socket{};
    return bpf_map_lookup_elem(udp_sockets, &cookie, &socket) == 0 ? std::optional(socket)
                                                                   : std::nullopt;
}

// Whether it still is where it was sent: a program may have connected it anew, unseen.
bool is_there(const inet_diag_msg &answer, const weir_socket_way &way) {
    constexpr std::size_t kV4 = 12;  // where IPv4 stands in a mapped address
    const std::size_t from = answer.idiag_family == AF_INET ? kV4 : 0;
    return answer.id.idiag_dport == way.port &&
           std::memcmp(answer.id.idiag_dst, way.address.bytes + from,
                       sizeof way.address.bytes - from) == 0;
}

// A walk over the sockets of one family: those to be ended.
struct DiagWalk {
    const SocketMapFds &maps;
    std::uint32_t map = 0;  // the id of maps.sockets
    inet_diag_req_v2 request{};
    const std::function<bool(const weir_socket &)> &ends;
    std::vector<inet_diag_req_v2> found{};
};

int visit(nl_msg *message, void *context) {
    auto &walk = *static_cast<DiagWalk *>(context);
    nlmsghdr *const header = nlmsg_hdr(message);
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        nlmsg_datalen(header) < static_cast<int>(sizeof(inet_diag_msg)))
        return NL_OK;
    const auto *const answer = static_cast<const inet_diag_msg *>(nlmsg_data(header));
    const auto socket = walk.request.sdiag_protocol == IPPROTO_UDP
                            ? listed(*answer, walk.maps.udp_sockets)
                            : stored(header, walk.map);
    if (!socket || socket->way.seen == 0 || !is_there(*answer, socket->way) || !walk.ends(*socket))
        return NL_OK;
    inet_diag_req_v2 request = walk.request;
    request.id = answer->id;
    walk.found.push_back(request);
    return NL_OK;
}

Result<void> list(nl_sock *socket, DiagWalk &walk) {
    const NetlinkMessage message(
        nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP));
    if (!message || nlmsg_append(message.get(), &walk.request, sizeof walk.request, 0) != 0)
        return diag_error(-NLE_NOMEM);
    nlattr *const maps = nla_nest_start(message.get(), INET_DIAG_REQ_SK_BPF_STORAGES);
    if (maps == nullptr || nla_put_u32(message.get(), SK_DIAG_BPF_STORAGE_REQ_MAP_FD,
                                       static_cast<std::uint32_t>(walk.maps.sockets)) != 0)
        return diag_error(-NLE_NOMEM);
    nla_nest_end(message.get(), maps);
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, visit, &walk);
    if (const int error = nl_send_auto(socket, message.get()); error < 0)
        return diag_error(error);
    if (const int error = nl_recvmsgs_default(socket); error < 0)
        return diag_error(error);
    return {};
}

int keep_error(sockaddr_nl * /*from*/, nlmsgerr *answer, void *context) {
    *static_cast<int *>(context) = -answer->error;
    return NL_STOP;
}

// 0, or why not (errno).
int destroy(nl_sock *socket, const inet_diag_req_v2 &request) {
    const NetlinkMessage message(nlmsg_alloc_simple(SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK));
    if (!message || nlmsg_append(message.get(), const_cast<inet_diag_req_v2 *>(&request),
                                 sizeof request, 0) != 0)
        return ENOMEM;
    int error = 0;
    nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, keep_error, &error);
    const bool done = nl_send_auto(socket, message.get()) >= 0 && nl_wait_for_ack(socket) == 0;
    nl_socket_modify_err_cb(socket, NL_CB_DEFAULT, nullptr, nullptr);
    if (done)
        return 0;
    return error != 0 ? error : EIO;
}

std::string explain(int error) {
    return error == EOPNOTSUPP ? "the kernel was built without CONFIG_INET_DIAG_DESTROY"
                               : std::strerror(error);
}

// One that has ended by itself meanwhile, or whose place another has, is as good.
void destroy_all(nl_sock *socket, const std::vector<inet_diag_req_v2> &found, EndedSockets &ended) {
    for (const auto &one : found) {
        const int error = destroy(socket, one);
        if (error == 0)
            ++ended.count;
        else if (error != ENOENT && error != ESTALE)
            ended.trouble = explain(error);
    }
}

}  // namespace

Result<EndedSockets> end_sockets(const SocketMapFds &maps, Protocol protocol,
                                 const std::function<bool(const weir_socket &)> &ends) {
    auto socket = open_socket();
    if (!socket)
        return tl::make_unexpected(socket.error());
    EndedSockets ended;
    for (const int family : {AF_INET, AF_INET6}) {
        DiagWalk walk{maps, map_id_of(maps.sockets), request_for(family, protocol), ends};
        if (auto listed = list(socket->get(), walk); !listed)
            return tl::make_unexpected(listed.error());
        // the dump's callback would take the answers to these for sockets
        nl_socket_modify_cb(socket->get(), NL_CB_VALID, NL_CB_DEFAULT, nullptr, nullptr);
        destroy_all(socket->get(), walk.found, ended);
    }
    return ended;
}

// Asked to end a socket that there cannot be: from port 0 to port 0.
Result<bool> can_end_sockets() {
    const auto socket = open_socket();
    if (!socket)
        return tl::make_unexpected(socket.error());
    auto nobody = request_for(AF_INET, Protocol::tcp);
    nobody.id.idiag_cookie[0] = nobody.id.idiag_cookie[1] = 1;
    const int error = destroy(socket->get(), nobody);
    if (error == EOPNOTSUPP)
        return false;
    if (error == ENOENT || error == ESTALE)
        return true;
    return fail(Exit::refused, fmt::format("sock_diag: {}", std::strerror(error)));
}

}  // namespace weir
