#include "lb/daemon/socket_reaper.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "lb/daemon/log.h"
#include "lb/dataplane/map_access.h"
#include "lb/dataplane/socket_diag.h"

namespace weir {

namespace {

constexpr std::chrono::seconds kPause{1};

}  // namespace

SocketReaper::SocketReaper(boost::asio::io_context &loop,
                           std::function<const SocketTables *()> tables,
                           std::function<const Inventory &()> inventory, Notices &notices)
    : tables_(std::move(tables)),
      inventory_(std::move(inventory)),
      notices_(notices),
      timer_(loop) {
    wait();
}

void SocketReaper::wait() {
    timer_.expires_after(kPause);
    timer_.async_wait([this](boost::system::error_code error) {
        if (error)
            return;
        if (const SocketTables *tables = tables_())
            look(*tables);
        else
            looked_ = false;
        wait();
    });
}

SocketReaper::Backends SocketReaper::backends_of(const Inventory &inventory) {
    Backends all;
    for (const auto &service : inventory.services)
        for (const auto &backend : service.row.backends)
            all[{service.row.id, backend.id}] = {backend.endpoint, backend.flows != OnDown::keep};
    return all;
}

bool SocketReaper::was_removed(const Backends &before, const Backends &now) {
    return std::any_of(before.begin(), before.end(), [&](const auto &one) {
        const auto is = now.find(one.first);
        return is == now.end() || is->second.endpoint != one.second.endpoint;
    });
}

// What the data path counts is cheap to ask; the host's list of sockets is not.
bool SocketReaper::anybody_hangs(const SocketTables &tables, const Backends &now) {
    std::uint32_t count = 0;
    for (const auto &[place, backend] : now)
        if (backend.leaves)
            count = std::max(count, place.second + 1);
    const auto live = tables.live(count);
    return live && std::any_of(now.begin(), now.end(), [&](const auto &one) {
               return one.second.leaves && (*live)[one.first.second] > 0;
           });
}

void SocketReaper::look(const SocketTables &tables) {
    Backends now = backends_of(inventory_());
    // at first: one may have been removed while no daemon looked
    const bool removed = !looked_ || was_removed(seen_, now);
    looked_ = true;
    const bool hangs = anybody_hangs(tables, now);
    if (hangs)
        end(tables, Protocol::tcp, now);
    if (hangs || removed || again_)
        end(tables, Protocol::udp, now);
    again_ = removed;
    seen_ = std::move(now);
}

void SocketReaper::end(const SocketTables &tables, Protocol protocol, const Backends &now) {
    const auto ends = [&](const weir_socket &socket) {
        const auto &way = socket.way;
        const auto is = now.find({way.service, way.backend});
        const bool there = is != now.end() &&
                           is->second.endpoint == Endpoint{from_abi(way.address), ntohs(way.port)};
        return there ? is->second.leaves : protocol == Protocol::udp;
    };
    const auto ended = end_sockets(tables.maps(), protocol, ends);
    if (!ended) {
        spdlog::warn("{}", ended.error().message);
        return;
    }
    if (*ended == 0)
        return;
    (protocol == Protocol::tcp ? tcp_ : udp_) += *ended;
    note(notices_, {NoticeKind::backend, LogLevel::info,
                    fmt::format("ended {} {} socket{} of local programs whose backend is gone",
                                *ended, to_string(protocol), *ended == 1 ? "" : "s")});
}

}  // namespace weir
