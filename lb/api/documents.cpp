#include "lb/api/documents.h"

namespace weir {
namespace {

double unix_seconds(std::chrono::system_clock::time_point time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

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

// `weight` is the one that the tables hold.
void add_view(Json &to, const std::optional<BackendView> &view, std::uint32_t weight) {
    BackendView unknown;
    unknown.condition.weight = weight;
    unknown.configured = weight;
    const auto &shown = view ? *view : unknown;
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

}  // namespace

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
    auto maps = Json::array();
    for (const TableUse &use : snapshot.tables)
        maps.push_back({{"map", use.table}, {"entries", use.entries}, {"capacity", use.capacity}});

    return {{"version", info.version},
            {"pid", info.pid},
            {"started", unix_seconds(info.started)},
            {"uptime", std::chrono::duration<double>(now - info.started).count()},
            {"instance", info.instance},
            {"config_file", info.config_file},
            {"adopted", info.adopted},
            {"interfaces", interfaces},
            {"services", snapshot.services.size()},
            {"backends", backends},
            {"overrides", overrides},
            {"drops", drops},
            {"maps", maps},
            {"reload", reload_document(info.reload)}};
}

Json services_document(const Snapshot &snapshot) {
    auto services = Json::array();
    for (const auto &service : snapshot.services) {
        Json document = {{"name", service.name},
                         {"vip", service.vip.to_string()},
                         {"protocol", to_string(service.protocol)},
                         {"mode", to_string(service.mode)},
                         {"scheduler", to_string(service.scheduler)},
                         {"backends", service.backends.size()}};
        add_counters(document, service.counters);
        services.push_back(std::move(document));
    }
    return {{"services", services}};
}

Json backends_document(const Snapshot &snapshot, const BackendViews &views) {
    auto backends = Json::array();
    for (const auto &service : snapshot.services) {
        for (const auto &backend : service.backends) {
            Json document = {{"service", service.name}, {"backend", backend.endpoint.to_string()}};
            add_view(document, views({service.name, backend.endpoint}), backend.weight);
            document["share"] = backend.share;
            document["flows"] = backend.flows;
            add_counters(document, backend.counters);
            backends.push_back(std::move(document));
        }
    }
    return {{"backends", backends}};
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
