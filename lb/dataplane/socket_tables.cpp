#include "lb/dataplane/socket_tables.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "lb/dataplane/fd.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/map_reads.h"
#include "lb/dataplane/source_towards.h"

namespace weir {

namespace {

constexpr std::array<std::string_view, WEIR_SOCKET_EVENTS> kEvents{"bind_vip", "bind_snat",
                                                                   "denied", "untracked"};
static_assert(!kEvents.back().empty());

std::uint32_t bits_of(const DeniedSocket &denied) {
    std::uint32_t bit = WEIR_DENY_RAW;
    if (denied.type == SocketType::stream)
        bit = WEIR_DENY_STREAM;
    else if (denied.type == SocketType::dgram)
        bit = WEIR_DENY_DGRAM;
    const std::uint32_t v4 = denied.family == SocketFamily::ipv6 ? 0 : bit;
    const std::uint32_t v6 = denied.family == SocketFamily::ipv4 ? 0 : bit << WEIR_DENY_V6;
    return v4 | v6;
}

// 0, and errno, where there is none to be had.
std::uint64_t netns_cookie() {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    std::uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    return socket && ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0
               ? cookie
               : 0;
}

weir_service_key key_of(const AllowedBind &allowed) {
    weir_service_key key{};
    if (allowed.address)
        key.vip = to_abi(*allowed.address);
    key.port = htons(allowed.port);
    return key;
}

// Whether it matters to a service who its client is.
bool asks_for_source(const PolicyRow &policy) {
    return policy.restricted || policy.affinity_s != 0 ||
           policy.limits.new_flows_per_second_per_source != 0 ||
           policy.scheduler == Scheduler::source_hash;
}

void add(SocketCounters &sum, const weir_socket_stats &one) {
    sum.connected += one.connected;
    sum.chosen += one.chosen;
    sum.failed += one.failed;
    sum.refused += one.refused;
}

Result<std::vector<SocketCounters>> read_all(int fd, std::string_view name, std::uint32_t count) {
    const auto cpus = static_cast<std::size_t>(libbpf_num_possible_cpus());
    std::vector<SocketCounters> sums;
    sums.reserve(count);
    return for_entries<weir_socket_stats>({fd, name}, count, cpus,
                                          [&](const weir_socket_stats *of_cpus) {
                                              SocketCounters &sum = sums.emplace_back();
                                              for (std::size_t cpu = 0; cpu < cpus; ++cpu)
                                                  add(sum, of_cpus[cpu]);
                                          })
        .map([&] { return std::move(sums); });
}

Result<void> clear_stats(int fd, std::string_view name, std::uint32_t id) {
    const std::vector<weir_socket_stats> zeros(
        static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_update_elem(fd, &id, zeros.data(), BPF_ANY) != 0)
        return map_error(name, "clear an entry", errno);
    return {};
}

}  // namespace

std::string_view socket_event_name(std::uint8_t event) {
    return event < kEvents.size() ? kEvents[event] : std::string_view("none");
}

Result<void> SocketTables::write_allowed(const std::vector<AllowedBind> &allowed) const {
    const NamedMap map{fds_.allowed, "socket_allowed"};
    std::vector<weir_service_key> gone;
    const auto is_wanted = [&](const weir_service_key &key) {
        return std::any_of(allowed.begin(), allowed.end(), [&](const auto &one) {
            const auto wanted = key_of(one);
            return std::memcmp(&wanted, &key, sizeof key) == 0;
        });
    };
    return for_each<weir_service_key, std::uint8_t>(map,
                                                    [&](const auto &key, std::uint8_t) {
                                                        if (!is_wanted(key))
                                                            gone.push_back(key);
                                                    })
        .and_then([&] {
            return for_all(gone, [&](const auto &key) { return erase(map, key, "remove"); });
        })
        .and_then([&] {
            return for_all(allowed, [&](const AllowedBind &one) {
                return put(map, key_of(one), std::uint8_t{1}, "add " + one.to_string());
            });
        });
}

Result<void> SocketTables::configure(const SocketsConfig &config, bool begin) const {
    const NamedMap settings{fds_.settings, "socket_settings"};
    weir_socket_settings value{};
    if (auto read = get(settings, kOnly, value); !read)
        return read;
    value.netns = netns_cookie();
    if (value.netns == 0)
        return map_error("socket_settings", "tell this network namespace", errno);
    value.flags = config.guard ? WEIR_SOCKET_GUARD : 0;
    value.mark = config.mark;
    value.denied = 0;
    for (const DeniedSocket &denied : config.deny)
        value.denied |= bits_of(denied);
    return write_allowed(config.allow)
        .and_then([&] { return put(settings, kOnly, value, "write"); })
        .and_then([&] { return begin ? begin_count() : Result<void>(); });
}

// Sockets that were counted before are of another epoch, and never uncounted.
Result<void> SocketTables::begin_count() const {
    const NamedMap epochs{fds_.epoch, "socket_epoch"};
    std::uint32_t epoch = 0;
    if (auto read = get(epochs, kOnly, epoch); !read)
        return read;
    bpf_map_info info{};
    std::uint32_t length = sizeof info;
    if (auto done = put(epochs, kOnly, epoch + 1, "write"); !done)
        return done;
    if (bpf_obj_get_info_by_fd(fds_.flows, &info, &length) != 0)
        return map_error("socket_flows", "look at it", errno);
    std::vector<std::uint32_t> ids(info.max_entries);
    std::iota(ids.begin(), ids.end(), 0U);
    const std::vector<std::uint32_t> zeros(info.max_entries);
    std::uint32_t count = info.max_entries;
    if (bpf_map_update_batch(fds_.flows, ids.data(), zeros.data(), &count, nullptr) != 0)
        return map_error("socket_flows", "clear it", errno);
    return {};
}

// The sockets of the one that had the id before are of another generation first.
Result<void> SocketTables::begin_count(std::uint32_t backend) const {
    const NamedMap generations{fds_.generations, "socket_generations"};
    std::uint32_t generation = 0;
    return get(generations, backend, generation)
        .and_then([&] { return put(generations, backend, generation + 1, "write"); })
        .and_then([&] {
            return put(NamedMap{fds_.flows, "socket_flows"}, backend, std::uint32_t{0},
                       "clear an entry");
        });
}

Result<void> SocketTables::write_sources(const TableState &tables) const {
    const NamedMap sources{fds_.sources, "socket_sources"};
    std::map<Address, Address> known;
    return for_all(tables.services, [&](const ServiceRow &service) -> Result<void> {
        if (!asks_for_source(service.policy) || service.backends.empty())
            return {};
        const Endpoint &to = service.backends.front().endpoint;
        const auto [source, is_new] = known.emplace(to.address, Address());
        if (is_new)
            source->second = source_towards(to);
        return put(sources, service.id, to_abi(source->second), "write");
    });
}

Result<void> SocketTables::clear(const std::vector<std::uint32_t> &services,
                                 const std::vector<std::uint32_t> &backends) const {
    const weir_latency none{};
    return for_all(
               services,
               [&](std::uint32_t id) -> Result<void> {
                   for (std::uint32_t i = 0; i < WEIR_SOCKET_HISTOGRAMS; ++i)
                       if (auto done = put(NamedMap{fds_.histograms, "socket_histograms"},
                                           id * WEIR_SOCKET_HISTOGRAMS + i, none, "clear an entry");
                           !done)
                           return done;
                   return clear_stats(fds_.service_stats, "socket_service_stats", id);
               })
        .and_then([&] {
            return for_all(backends, [&](std::uint32_t id) {
                return clear_stats(fds_.backend_stats, "socket_backend_stats", id).and_then([&] {
                    return begin_count(id);
                });
            });
        })
        .and_then([&] { return users(); })
        .and_then([&](std::vector<SocketUser> users) {
            const auto stays = [&](const SocketUser &user) {
                return std::find(services.begin(), services.end(), user.service) == services.end();
            };
            users.erase(std::remove_if(users.begin(), users.end(), stays), users.end());
            return forget_users(users);
        });
}

Result<std::vector<SocketCounters>> SocketTables::service_counters(std::uint32_t count) const {
    return read_all(fds_.service_stats, "socket_service_stats", count);
}

Result<std::vector<SocketCounters>> SocketTables::backend_counters(std::uint32_t count) const {
    return read_all(fds_.backend_stats, "socket_backend_stats", count);
}

Result<std::vector<SocketHistograms>> SocketTables::histograms(std::uint32_t count) const {
    std::vector<SocketHistograms> all(count);
    return for_entries<weir_latency>({fds_.histograms, "socket_histograms"},
                                     count * WEIR_SOCKET_HISTOGRAMS, 1,
                                     [&, index = 0U](const weir_latency *one) mutable {
                                         auto &of = all[index / WEIR_SOCKET_HISTOGRAMS];
                                         switch (index++ % WEIR_SOCKET_HISTOGRAMS) {
                                             case WEIR_SOCKET_CONNECT:
                                                 of.connect = *one;
                                                 break;
                                             case WEIR_SOCKET_RTT:
                                                 of.rtt = *one;
                                                 break;
                                             default:
                                                 of.retransmits = *one;
                                         }
                                     })
        .map([&] { return std::move(all); });
}

Result<std::vector<std::uint32_t>> SocketTables::live(std::uint32_t count) const {
    std::vector<std::uint32_t> all;
    all.reserve(count);
    return for_entries<std::int32_t>(
               {fds_.flows, "socket_flows"}, count, 1,
               [&](const std::int32_t *one) {
                   all.push_back(static_cast<std::uint32_t>(std::max(*one, 0)));
               })
        .map([&] { return std::move(all); });
}

Result<SocketRefusals> SocketTables::refusals() const {
    return read_sums<WEIR_DROP_REASONS>(fds_.refusals, "socket_refusals");
}

Result<SocketEvents> SocketTables::events() const {
    return read_sums<WEIR_SOCKET_EVENTS>(fds_.events, "socket_events");
}

Result<std::vector<SocketUser>> SocketTables::users() const {
    std::vector<SocketUser> all;
    return for_each<weir_socket_user, std::uint64_t>(
               {fds_.users, "socket_users"},
               [&](const weir_socket_user &user, std::uint64_t times) {
                   all.push_back({user.cgroup, user.service, times});
               })
        .map([&] { return std::move(all); });
}

Result<void> SocketTables::forget_users(const std::vector<SocketUser> &gone) const {
    return for_all(gone, [&](const SocketUser &user) {
        const weir_socket_user key{user.cgroup, user.service, 0};
        return erase(NamedMap{fds_.users, "socket_users"}, key, "remove an entry");
    });
}

}  // namespace weir
