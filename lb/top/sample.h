// What `weir top` asks of the daemon, as values: three documents of the admin API.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lb/api/documents.h"
#include "lb/result.h"

namespace weir {

using TopTime = std::chrono::steady_clock::time_point;

struct TopTraffic {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
};

struct TopCounters {
    TopTraffic in;   // client -> backend
    TopTraffic out;  // backend -> client
    std::uint64_t new_flows = 0;
};

struct TopInterface {
    std::string name;
    std::string state;   // attached, absent, refused
    std::string hook;    // "xdp native", "tc"
    std::string reason;  // may be empty
};

struct TopMap {
    std::string name;
    std::uint64_t entries = 0;
    std::uint64_t capacity = 0;

    // Entries over capacity, 0..1.
    double pressure() const {
        return capacity == 0 ? 0 : static_cast<double>(entries) / static_cast<double>(capacity);
    }
};

struct TopService {
    std::string name;
    std::string vip;
    std::string protocol;
    TopCounters counters;
};

struct TopBackend {
    std::string service;
    std::string name;  // ADDRESS:PORT
    std::string state;
    std::string health;
    std::string note;  // why, in a few words; may be empty
    std::uint64_t weight = 0;
    double share = 0;         // of the new flows, 0..1
    std::uint64_t flows = 0;  // that live
    TopCounters counters;
};

struct TopSample {
    std::string version;
    std::string instance;
    double uptime = 0;         // seconds
    std::string reload_error;  // of the last reload; empty: it is in force
    std::uint64_t overrides = 0;
    std::vector<TopInterface> interfaces;
    std::vector<TopMap> maps;  // empty before the daemon has counted for the first time
    std::vector<std::pair<std::string, std::uint64_t>> drops;  // packets, by reason
    std::vector<TopService> services;
    std::vector<TopBackend> backends;
    TopTime status_at, services_at, backends_at;  // when each document came
};

// Fills in what a document of /v1/status, /v1/services or /v1/backends tells. Exit::failed: it
// lacks a field, and so comes from a daemon of another version.
Result<void> read_status(TopSample &to, const Json &document, TopTime came);
Result<void> read_services(TopSample &to, const Json &document, TopTime came);
Result<void> read_backends(TopSample &to, const Json &document, TopTime came);

}  // namespace weir
