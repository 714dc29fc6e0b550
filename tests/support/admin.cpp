#include "tests/support/admin.h"

#include <stdexcept>

#include "tests/support/flow_list.h"
#include "tests/support/process.h"
#include "tests/support/sample.h"
#include "tests/support/value.h"

namespace weir::test {
namespace {

Flow sample_flow(const char *client, const char *backend, std::uint32_t service) {
    Flow flow;
    flow.client = *Endpoint::parse(client);
    flow.vip = *Endpoint::parse("192.0.2.10:443");
    flow.backend = *Endpoint::parse(backend);
    flow.service_id = service;
    flow.state = FlowState::established;
    flow.idle = std::chrono::milliseconds(1500);
    return flow;
}

Inventory inventory_with_ipv6() {
    auto inventory = sample_inventory();
    auto &web = inventory.services.at(0);
    web.row.backends.push_back({72, *Endpoint::parse("[2001:db8::1]:80"), 5});
    web.shares.push_back(0);
    return inventory;
}

}  // namespace

RunningApi::RunningApi()
    : info(sample_info()),
      flows({sample_flow("203.0.113.1:4001", "198.51.100.11:8443", 7),
             sample_flow("203.0.113.1:4002", "198.51.100.12:8443", 7),
             sample_flow("[2001:db8:1::2]:4003", "198.51.100.13:53", 9),
             sample_flow("203.0.113.3:4004", "198.51.100.11:8444", 1)}),
      inventory_(inventory_with_ipv6()),
      admin_(loop_, source()) {
    flows[2].snat = Endpoint::parse("198.51.100.1:30000");
    auto listener = value_of(listen_unix(loop_, socket(), "api.socket"));
    file_.emplace(std::move(listener.file));
    server_.emplace(
        loop_, std::move(listener.acceptor),
        [this](const auto &request, const auto &respond) { admin_.handle(request, respond); },
        HttpLimits{.body_bytes = 65536});
    thread_ = std::thread([this] { loop_.run(); });
}

RunningApi::~RunningApi() {
    loop_.stop();
    thread_.join();
}

std::optional<BackendView> RunningApi::view(const BackendKey &key) const {
    const auto *service = inventory_.find(key.service);
    if (service == nullptr)
        return std::nullopt;
    for (const auto &backend : service->row.backends) {
        if (backend.endpoint != key.endpoint)
            continue;
        BackendView view;
        const auto change = overrides.find(key);
        if (change != overrides.end())
            view.override_ = change->second;
        view.configured = backend.weight;
        view.condition.weight = view.override_.weight.value_or(backend.weight);
        if (view.override_.admin == Admin::drain)
            view.condition = {BackendState::draining, 0};
        if (view.override_.admin == Admin::maintenance)
            view.condition = {BackendState::maintenance, 0};
        return view;
    }
    return std::nullopt;
}

Result<FlowDeletion> RunningApi::flush(const std::function<bool(const Flow &)> &wanted) {
    if (broken)
        return tl::make_unexpected(*broken);
    const auto before = flows.size();
    flows.erase(std::remove_if(flows.begin(), flows.end(), wanted), flows.end());
    return FlowDeletion{before - flows.size(), !time_is_up};
}

AdminSource RunningApi::source() {
    AdminSource source;
    source.snapshot = [this]() -> Result<Snapshot> {
        return broken ? Result<Snapshot>(tl::make_unexpected(*broken)) : sample_snapshot();
    };
    source.info = [this]() -> const DaemonInfo & { return info; };
    source.inventory = [this]() -> const Inventory & { return inventory_; };
    source.history = [this]() -> const History & { return history; };
    source.notices = [this]() -> const Notices & { return notices; };
    source.flows = [this]() -> FlowWalk {
        return [this](const auto &from, const auto &go_on,
                      const auto &visit) -> Result<std::optional<FlowPosition>> {
            if (broken)
                return tl::make_unexpected(*broken);
            return walk_list(flows, from, go_on, visit);
        };
    };
    source.flush = [this]() -> FlowFlush {
        return [this](const auto &wanted, const auto &) { return flush(wanted); };
    };
    source.overrides = [this]() -> const Overrides & { return overrides; };
    source.backend_view = [this](const auto &key) { return view(key); };
    source.set_override = [this](const auto &key, const auto &change) -> Result<Warning> {
        if (broken)
            return tl::make_unexpected(*broken);
        overrides.erase(key);
        if (!change.empty())
            overrides.emplace(key, change);
        return warning;
    };
    source.clear_overrides = [this]() -> Result<Warning> {
        if (broken)
            return tl::make_unexpected(*broken);
        overrides.clear();
        return warning;
    };
    // one line, and no more
    source.watch = [this](const EventFilter &) -> Result<std::shared_ptr<HttpBody>> {
        if (broken)
            return tl::make_unexpected(*broken);
        auto body = std::make_shared<HttpBody>();
        FlowEvent event;
        event.client = *Endpoint::parse("203.0.113.1:4001");
        event.vip = *Endpoint::parse("192.0.2.10:443");
        body->write(event_document(event, EventNames(inventory_), {}).dump() + "\n");
        body->end();
        return body;
    };
    source.reload = [this]() -> Result<void> {
        ++reloads;
        return broken ? Result<void>(tl::make_unexpected(*broken)) : Result<void>();
    };
    return source;
}

RunningApi::Answer RunningApi::curl(const std::string &method, const std::string &target,
                                    const std::string &body) const {
    const auto file = folder_.write("body", body);
    std::vector<std::string> line{
        "curl",          "-sS",    "-i", "-g",   "--max-time",          "20",
        "--unix-socket", socket(), "-X", method, "http://weir" + target};
    if (!body.empty())
        line.insert(line.end(),
                    {"--data-binary", "@" + file, "-H", "Content-Type: application/json"});
    const auto ran = run(line);
    const auto end = ran.out.find("\r\n\r\n");
    if (ran.status != 0 || end == std::string::npos)
        throw std::runtime_error("curl: " + ran.err + ran.out);
    return {static_cast<unsigned>(std::stoul(ran.out.substr(ran.out.find(' ')))),
            ran.out.substr(0, end + 2), Json::parse(ran.out.substr(end + 4))};
}

}  // namespace weir::test
