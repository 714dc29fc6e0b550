// Ends the sockets of local programs whose backend is gone, so that no program hangs on it: TCP
// where `on_down` says so, and connected UDP also where the backend was removed.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "lb/dataplane/socket_tables.h"
#include "lb/net/address.h"
#include "lb/stats/notices.h"
#include "lb/stats/snapshot.h"

namespace weir {

class SocketReaper {
  public:
    // `tables` gives none where there are no socket programs. Looks once a second.
    SocketReaper(boost::asio::io_context &loop, std::function<const SocketTables *()> tables,
                 std::function<const Inventory &()> inventory, Notices &notices);

    // How many were ended.
    std::uint64_t tcp() const { return tcp_; }
    std::uint64_t udp() const { return udp_; }

  private:
    // A backend of a service, by where it is: one that was removed and added again has another id,
    // and is the same to sockets that go on.
    using Place = std::pair<std::uint32_t, Endpoint>;
    struct Backend {
        std::uint32_t id;
        bool leaves;  // its flows do not stay
    };
    using Backends = std::map<Place, Backend>;

    void wait();
    void look(const SocketTables &tables);
    static Backends backends_of(const Inventory &inventory);
    static bool has_gone(const Backends &before, const Backends &now);
    static bool anybody_hangs(const SocketTables &tables, const Backends &now);
    void end(const SocketTables &tables, Protocol protocol);
    void tell_trouble();

    std::function<const SocketTables *()> tables_;
    std::function<const Inventory &()> inventory_;
    Notices &notices_;
    boost::asio::steady_timer timer_;
    Backends backends_;
    std::uint64_t number_ = 0;  // of the inventory that they are of
    bool looked_ = false;
    bool again_ = false;   // a program may have been given what went at that very moment
    std::string trouble_;  // why the last look could not end some; empty: none
    std::string told_;     // what of it is in the log
    std::uint64_t tcp_ = 0;
    std::uint64_t udp_ = 0;
};

}  // namespace weir
