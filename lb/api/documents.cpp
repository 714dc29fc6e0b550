#include "lb/api/documents.h"

namespace weir {
namespace {

Json text_or_null(const std::string &text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

Json counters_document(std::uint64_t packets, std::uint64_t bytes) {
    return {{"packets", packets}, {"bytes", bytes}};
}

void add_counters(Json &to, const Counters &counters) {
    to["new_flows"] = counters.new_flows;
    to["forward"] = counters_document(counters.forward_packets, counters.forward_bytes);
    to["reply"] = counters_document(counters.reply_packets, counters.reply_bytes);
}

Json interface_document(const AttachedInterface &interface) {
    Json document = {{"name", interface.name},
                     {"state", to_string(interface.state)},
                     {"ifindex", interface.ifindex},
                     {"hook", to_string(interface.hook)}};
    document["xdp_mode"] =
        interface.hook == Hook::xdp ? Json(to_string(interface.xdp_mode)) : Json(nullptr);
    document["reason"] = text_or_null(interface.reason);
    return document;
}

Json override_document(const Override &change) {
    return {{"admin", to_string(change.admin)},
            {"weight", change.weight ? Json(*change.weight) : Json(nullptr)}};
}

Json override_or_null(const Override &change) {
    return change.empty() ? Json(nullptr) : override_document(change);
}

void add_view(Json &to, const BackendView &shown) {
    to["state"] = to_string(shown.condition.state);
    to["weight"] = shown.condition.weight;
    to["configured_weight"] = shown.configured;
    to["override"] = override_or_null(shown.override_);
    to["health"] = {{"status", to_string(shown.health)},
                    {"reason", text_or_null(shown.reason)},
                    {"trouble", text_or_null(shown.trouble)}};
    to["kept"] = shown.kept;
    to["standby"] = shown.standby;
}

// How many backends there are, by state, and how many want attention.
void add_states(Json &to, const ServiceSnapshot &service, const BackendViews &views) {
    std::map<BackendState, std::size_t> counts;
    std::size_t attention = 0;
    std::uint64_t flows = 0;
    for (const auto &backend : service.backends) {
        const auto view = view_of(views, service, backend);
        ++counts[view.condition.state];
        attention += wants_attention(view) ? 1U : 0U;
        flows += backend.flows;
    }
    auto states = Json::object();
    for (const auto state : {BackendState::active, BackendState::draining, BackendState::down,
                             BackendState::maintenance})
        states[std::string(to_string(state))] = counts[state];
    to["states"] = std::move(states);
    to["attention"] = attention;
    to["flows"] = flows;
}

Json tables_document(const std::vector<TableUse> &tables) {
    auto list = Json::array();
    for (const auto &one : tables)
        list.push_back({{"name", one.table},
                        {"flows", one.of_flows},
                        {"entries", one.entries},
                        {"capacity", one.capacity}});
    return list;
}

}  // namespace

double unix_seconds(std::chrono::system_clock::time_point time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

BackendView view_of(const BackendViews &views, const ServiceSnapshot &service,
                    const BackendSnapshot &backend) {
    if (const auto known = views({service.name, backend.endpoint}))
        return *known;
    BackendView unknown;
    unknown.condition.weight = backend.weight;
    unknown.configured = backend.weight;
    return unknown;
}

bool wants_attention(const BackendView &view) {
    return view.condition.state != BackendState::active || view.health == Health::down ||
           !view.override_.empty() || !view.trouble.empty();
}

Json reload_document(const ReloadStatus &reload) {
    return {{"successful", reload.successful},
            {"last_success", unix_seconds(reload.last_success)},
            {"error", text_or_null(reload.error)}};
}

Json status_document(const DaemonInfo &info, const Snapshot &snapshot, std::size_t overrides,
                     std::chrono::system_clock::time_point now) {
    std::size_t backends = 0;
    for (const auto &service : snapshot.services)
        backends += service.backends.size();
    auto interfaces = Json::array();
    for (const auto &interface : info.interfaces)
        interfaces.push_back(interface_document(interface));
    auto drops = Json::object();
    for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
        drops[std::string(drop_reason_name(reason))] = snapshot.drops[reason];

    return {{"version", info.version},
            {"pid", info.pid},
            {"started", unix_seconds(info.started)},
            {"uptime", std::chrono::duration<double>(now - info.started).count()},
            {"instance", info.instance},
            {"config_file", info.config_file},
            {"adopted", info.adopted},
            {"interfaces", interfaces},
            {"sockets", snapshot.sockets ? Json(snapshot.sockets->cgroup) : Json(nullptr)},
            {"sockets_state",
             snapshot.sockets ? Json(to_string(snapshot.sockets->state)) : Json(nullptr)},
            {"sockets_reason", text_or_null(snapshot.sockets ? snapshot.sockets->reason : "")},
            {"services", snapshot.services.size()},
            {"backends", backends},
            {"overrides", overrides},
            {"drops", drops},
            {"tables", tables_document(snapshot.tables)},
            {"reload", reload_document(info.reload)}};
}

Json services_document(const Snapshot &snapshot, const BackendViews &views) {
    auto services = Json::array();
    for (const auto &service : snapshot.services) {
        Json document = {{"name", service.name},
                         {"vip", service.vip.to_string()},
                         {"protocol", to_string(service.protocol)},
                         {"mode", to_string(service.mode)},
                         {"scheduler", to_string(service.scheduler)},
                         {"backends", service.backends.size()}};
        add_states(document, service, views);
        add_counters(document, service.counters);
        services.push_back(std::move(document));
    }
    return {{"services", services}};
}

Json backend_document(const ServiceSnapshot &service, const BackendSnapshot &backend,
                      const BackendView &view) {
    Json document = {{"service", service.name}, {"backend", backend.endpoint.to_string()}};
    add_view(document, view);
    document["share"] = backend.share;
    document["flows"] = backend.flows;
    add_counters(document, backend.counters);
    return document;
}

Json overrides_document(const Overrides &overrides, const BackendViews &views) {
    auto list = Json::array();
    for (const auto &[key, change] : overrides) {
        Json document = {{"service", key.service}, {"backend", key.endpoint.to_string()}};
        document.update(override_document(change));
        document["configured"] = views(key).has_value();
        list.push_back(std::move(document));
    }
    return {{"overrides", std::move(list)}};
}

Json change_document(const BackendKey &key, const BackendView &view, const std::string &warning) {
    return {{"service", key.service},
            {"backend", key.endpoint.to_string()},
            {"state", to_string(view.condition.state)},
            {"weight", view.condition.weight},
            {"configured_weight", view.configured},
            {"override", override_or_null(view.override_)},
            {"warning", text_or_null(warning)}};
}

Json removal_document(std::size_t removed, const std::string &warning) {
    return {{"removed", removed}, {"warning", text_or_null(warning)}};
}

Json error_document(const std::string &message) {
    return {{"error", message}};
}

std::string dump(const Json &document) {
    return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir
