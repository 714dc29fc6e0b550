#include "lb/doctor/ethtool.h"

#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>
#include <vector>

#include "lb/dataplane/fd.h"
#include "lb/net/netlink.h"

namespace weir {
namespace {

// Generic netlink family "netdev" (the kernel's include/uapi/linux/netdev.h, 6.3).
constexpr int kDevGet = 1;
constexpr int kDevIfindex = 1;
constexpr int kDevXdpFeatures = 3;
constexpr std::uint64_t kXdpBasic = 1;  // the driver runs programs and knows their verdicts

bool ask_ethtool(const std::string &interface, void *command) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_data = static_cast<char *>(command);
    return ioctl(socket.get(), SIOCETHTOOL, &request) == 0;
}

// A structure of ethtool.h that ends in an array: room for both, zeroed.
template <typename Head>
class Variable {
  public:
    explicit Variable(std::size_t tail)
        : words_((sizeof(Head) + tail + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)) {}
    Head *operator->() { return reinterpret_cast<Head *>(words_.data()); }
    void *data() { return words_.data(); }

  private:
    std::vector<std::uint64_t> words_;
};

std::uint32_t count_features(const std::string &interface) {
    Variable<ethtool_sset_info> info(sizeof(std::uint32_t));
    info->cmd = ETHTOOL_GSSET_INFO;
    info->sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
    if (!ask_ethtool(interface, info.data()) || info->sset_mask == 0)
        return 0;
    return info->data[0];
}

// What came back: the bytes of one attribute.
struct Wanted {
    int attribute = 0;
    std::vector<std::uint8_t> bytes{};
};

int take_attribute(nl_msg *message, void *argument) {
    auto *wanted = static_cast<Wanted *>(argument);
    nlmsghdr *header = nlmsg_hdr(message);
    const nlattr *found = nlmsg_find_attr(header, GENL_HDRLEN, wanted->attribute);
    if (found != nullptr) {
        const auto *first = static_cast<const std::uint8_t *>(nla_data(found));
        wanted->bytes.assign(first, first + nla_len(found));
    }
    return NL_OK;
}

// Sends `request` and keeps `attribute` of the answer. Empty: refused, or not in it.
std::vector<std::uint8_t> ask_netlink(nl_sock *socket, nl_msg *request, int attribute) {
    Wanted wanted{attribute};
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_attribute, &wanted);
    if (nl_send_auto(socket, request) < 0 || nl_recvmsgs_default(socket) < 0)
        return {};
    return wanted.bytes;
}

NetlinkMessage make_generic(int family, int command) {
    NetlinkMessage message(nlmsg_alloc_simple(family, NLM_F_REQUEST));
    genlmsghdr header{};
    header.cmd = static_cast<std::uint8_t>(command);
    header.version = 1;
    nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO);
    return message;
}

template <typename Number>
std::optional<Number> number_in(const std::vector<std::uint8_t> &bytes) {
    Number number = 0;
    if (bytes.size() != sizeof number)
        return std::nullopt;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
}

}  // namespace

std::map<std::string, LinkFeature> link_features(const std::string &interface) {
    const std::uint32_t count = count_features(interface);
    Variable<ethtool_gstrings> names(std::size_t{count} * ETH_GSTRING_LEN);
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_FEATURES;
    names->len = count;
    const std::uint32_t blocks = (count + 31) / 32;
    Variable<ethtool_gfeatures> bits(blocks * sizeof(ethtool_get_features_block));
    bits->cmd = ETHTOOL_GFEATURES;
    bits->size = blocks;
    std::map<std::string, LinkFeature> all;
    if (count == 0 || !ask_ethtool(interface, names.data()) || !ask_ethtool(interface, bits.data()))
        return all;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto *name =
            reinterpret_cast<const char *>(&names->data[std::size_t{i} * ETH_GSTRING_LEN]);
        const auto &block = bits->features[i / 32];
        const std::uint32_t bit = std::uint32_t{1} << (i % 32);
        all[std::string(name, strnlen(name, ETH_GSTRING_LEN))] = {
            (block.active & bit) != 0,
            (block.available & bit) == 0 || (block.never_changed & bit) != 0};
    }
    return all;
}

std::optional<LinkQueues> link_queues(const std::string &interface) {
    ethtool_channels channels{};
    channels.cmd = ETHTOOL_GCHANNELS;
    if (!ask_ethtool(interface, &channels))
        return std::nullopt;
    if (channels.max_rx > channels.max_combined)
        return LinkQueues{channels.rx_count, channels.max_rx, false};
    return LinkQueues{channels.combined_count, channels.max_combined, true};
}

std::optional<bool> link_has_native_xdp(unsigned ifindex) {
    const NetlinkSocket socket(nl_socket_alloc());
    if (!socket || nl_connect(socket.get(), NETLINK_GENERIC) != 0)
        return std::nullopt;
    nl_socket_disable_auto_ack(socket.get());
    const auto which = make_generic(GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
    nla_put_string(which.get(), CTRL_ATTR_FAMILY_NAME, "netdev");
    const auto family =
        number_in<std::uint16_t>(ask_netlink(socket.get(), which.get(), CTRL_ATTR_FAMILY_ID));
    if (!family)
        return std::nullopt;
    const auto about = make_generic(*family, kDevGet);
    nla_put_u32(about.get(), kDevIfindex, ifindex);
    const auto features =
        number_in<std::uint64_t>(ask_netlink(socket.get(), about.get(), kDevXdpFeatures));
    if (!features)
        return std::nullopt;
    return (*features & kXdpBasic) != 0;
}

}  // namespace weir
