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

constexpr std::chrono::seconds kReaperPause{1};

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
    timer_.expires_after(kReaperPause);
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
            all[{service.row.id, backend.endpoint}] = {backend.id, backend.flows != OnDown::keep};
    return all;
}

// Whether a backend is no more what it was to sockets that have it.
bool SocketReaper::has_gone(const Backends &before, const Backends &now) {
    return std::any_of(before.begin(), before.end(), [&](const auto &one) {
        const auto is = now.find(one.first);
        return is == now.end() || (is->second.leaves && !one.second.leaves);
    });
}

// What the data path counts is cheap to ask; the host's list of sockets is not.
bool SocketReaper::anybody_hangs(const SocketTables &tables, const Backends &now) {
    std::uint32_t count = 0;
    for (const auto &[place, backend] : now)
        if (backend.leaves)
            count = std::max(count, backend.id + 1);
    const auto live = tables.live(count);
    return live && std::any_of(now.begin(), now.end(), [&](const auto &one) {
               return one.second.leaves && (*live)[one.second.id] > 0;
           });
}

// Not only where sockets are counted: those of a backend that was removed and added again are not.
void SocketReaper::look(const SocketTables &tables) {
    const Inventory &inventory = inventory_();
    bool gone = !looked_;  // one may have been removed while no daemon looked
    if (!looked_ || inventory.number != number_) {
        Backends now = backends_of(inventory);
        gone = gone || has_gone(backends_, now);
        backends_ = std::move(now);
        number_ = inventory.number;
        looked_ = true;
    }
    if (gone || again_ || anybody_hangs(tables, backends_)) {
        trouble_.clear();
        end(tables, Protocol::tcp);
        end(tables, Protocol::udp);
        tell_trouble();
    }
    again_ = gone || !trouble_.empty();
}

void SocketReaper::end(const SocketTables &tables, Protocol protocol) {
    const auto ends = [&](const weir_socket &socket) {
        const auto &way = socket.way;
        const auto is =
            backends_.find({way.service, Endpoint{from_abi(way.address), ntohs(way.port)}});
        return is != backends_.end() ? is->second.leaves : protocol == Protocol::udp;
    };
    const auto ended = end_sockets(tables.maps(), protocol, ends);
    if (!ended || !ended->trouble.empty())
        trouble_ = ended ? ended->trouble : ended.error().message;
    if (!ended || ended->count == 0)
        return;
    (protocol == Protocol::tcp ? tcp_ : udp_) += ended->count;
    note(notices_, {NoticeKind::backend, LogLevel::info,
                    fmt::format("ended {} {} socket{} of local programs whose backend is gone",
                                ended->count, to_string(protocol), ended->count == 1 ? "" : "s")});
}

// Once, though it is tried again each second.
void SocketReaper::tell_trouble() {
    if (!trouble_.empty() && trouble_ != told_)
        note(notices_,
             {NoticeKind::backend, LogLevel::error,
              "sockets of local programs whose backend is gone cannot be ended: " + trouble_});
    told_ = trouble_;
}

}  // namespace weir
