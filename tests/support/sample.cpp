#include "tests/support/sample.h"

namespace weir::test {

Snapshot sample_snapshot() {
    Snapshot snapshot;
    snapshot.services.push_back({"web",
                                 *Endpoint::parse("192.0.2.10:443"),
                                 Protocol::tcp,
                                 Mode::dnat,
                                 Scheduler::maglev,
                                 {30, 3000, 20, 2000, 5},
                                 {{3000000, {0, 1, 0, 0, 2}}, {7000000, {0, 0, 0, 2}}},
                                 {}});
    snapshot.services.back().backends = {
        {*Endpoint::parse("198.51.100.11:8443"), 100, 0.75, {18, 1800, 12, 1200, 3}, 6},
        {*Endpoint::parse("198.51.100.12:8443"), 0, 0.25, {12, 1200, 8, 800, 2}}};
    snapshot.services.push_back({"dns",
                                 *Endpoint::parse("192.0.2.10:53"),
                                 Protocol::udp,
                                 Mode::dnat,
                                 Scheduler::maglev,
                                 {1, 74, 1, 90, 1},
                                 {},
                                 {}});
    snapshot.services.back().backends = {
        {*Endpoint::parse("198.51.100.13:53"), 7, 1, {9007199254740991, 74, 1, 90, 1}}};
    for (std::size_t reason = 0; reason < snapshot.drops.size(); reason++)
        snapshot.drops[reason] = 100 + reason;
    snapshot.icmp = {3, 4, 5};
    snapshot.events = {11, 12};
    snapshot.flow_log = {21, 22, 23};
    snapshot.tables = {{"flows_v4", true, 32, 128}, {"affinity", false, 1, 2}};
    snapshot.programs = {{PacketHook::xdp_ingress, {}},
                         {PacketHook::tc_ingress, {4, std::chrono::microseconds(2)}}};
    return snapshot;
}

SocketSnapshot sample_sockets() {
    SocketSnapshot sockets;
    sockets.cgroup = "/sys/fs/cgroup/web";
    sockets.state = InterfaceState::absent;
    sockets.services.push_back({"web", Protocol::tcp, {31, 0, 2, 3}, {}, {}, {}});
    sockets.services.back().backends = {{*Endpoint::parse("198.51.100.11:8443"), {31, 0, 2, 0}, 5}};
    sockets.services.back().joined = JoinCounters{4, 5000, 600};
    sockets.services.push_back({"dns", Protocol::udp, {1, 2, 0, 0}, {}, {}, {}});
    sockets.services.back().backends = {{*Endpoint::parse("198.51.100.13:53"), {1, 2, 0, 0}, 1}};
    sockets.refusals.fill(1);
    sockets.users = {{"/web", "", 7}, {"/web", "web", 6}};
    sockets.listening = {{"203.0.113.0/24 80-80 tcp", true}};
    return sockets;
}

DaemonInfo sample_info() {
    using std::chrono::seconds;
    using std::chrono::system_clock;
    DaemonInfo info;
    info.version = "1.2.3";
    info.pid = 4711;
    info.started = system_clock::time_point(seconds(1700000000));
    info.instance = "blue";
    info.config_file = "/etc/weir/weir.yaml";
    info.interfaces = {{"eth0", 2, Hook::xdp, XdpMode::native, ""},
                       {"eth1", 3, Hook::tc, XdpMode::native, "driver veth"}};
    info.reload.last_success = system_clock::time_point(seconds(1700000100));
    info.reload.done = 3;
    info.reload.refused = 2;
    info.tables = "new";
    return info;
}

std::optional<BackendView> sample_view(const BackendKey &key) {
    BackendView view;
    if (key.service == "web") {
        view.health = key.endpoint.to_string() == "198.51.100.11:8443" ? Health::up : Health::down;
        view.condition.state =
            view.health == Health::up ? BackendState::active : BackendState::down;
    }
    return view;
}

AllCheckTimes sample_checks() {
    using std::chrono::microseconds;
    AllCheckTimes all;
    CheckTimes &web = all["web"];
    web.count(CheckOutcome::Kind::passed, microseconds(7500));
    web.count(CheckOutcome::Kind::passed, microseconds(25000));
    web.count(CheckOutcome::Kind::failed, microseconds(3000000));
    web.count(CheckOutcome::Kind::not_made, microseconds(9));
    return all;
}

History sample_history() {
    using std::chrono::seconds;
    History history;
    const auto read = [&](int second, std::vector<ServiceReading> services, std::uint64_t drops) {
        Reading reading{std::chrono::steady_clock::time_point(seconds(second)),
                        std::chrono::system_clock::time_point(seconds(1700000000 + second)),
                        std::move(services),
                        {}};
        reading.drops[1] = drops;
        history.add(reading);
    };
    read(10, {{"web", 7, {100, 10000, 100, 10000, 10}}}, 0);
    read(15, {{"web", 7, {150, 15000, 101, 11234, 11}}}, 5);
    read(20, {{"web", 7, {10, 900, 10, 900, 1}}, {"dns", 9, {5, 500, 5, 500, 5}}}, 5);
    read(25, {{"web", 7, {10, 900, 10, 900, 1}}, {"dns", 9, {6, 600, 5, 500, 6}}}, 1005);
    return history;
}

Inventory sample_inventory() {
    Inventory inventory;
    std::uint32_t id = 7;
    for (const auto &service : sample_snapshot().services) {
        InventoryService known{service.name,
                               service.mode,
                               service.scheduler,
                               {id, service.vip, service.protocol, {}},
                               {}};
        for (const auto &backend : service.backends) {
            known.row.backends.push_back({id * 10, backend.endpoint, backend.weight});
            known.shares.push_back(backend.share);
        }
        inventory.services.push_back(std::move(known));
        id += 2;
    }
    return inventory;
}

}  // namespace weir::test
