// The admin API as it runs in the daemon, on a Unix socket and in a thread of its own, with the
// services of sample_snapshot() behind it in place of a data path.
#pragma once

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lb/api/admin.h"
#include "lb/api/http_server.h"
#include "tests/support/sample.h"
#include "tests/support/temp.h"

namespace weir::test {

class RunningApi {
  public:
    // What it tells, and what it was told: to be changed between requests only.
    DaemonInfo info;
    History history = sample_history();
    Notices notices;
    Overrides overrides;
    Warning warning;              // of every change
    std::optional<Error> broken;  // every function that can fail does, with this
    int reloads = 0;
    std::vector<Flow> flows;
    bool time_is_up = false;  // for a flush

    RunningApi();
    ~RunningApi();
    RunningApi(const RunningApi &) = delete;
    RunningApi &operator=(const RunningApi &) = delete;
    RunningApi(RunningApi &&) = delete;
    RunningApi &operator=(RunningApi &&) = delete;

    std::string socket() const { return (folder_.path() / "weir.sock").string(); }
    const std::vector<Router::Route> &routes() const { return admin_.routes(); }

    struct Answer {
        unsigned status = 0;
        std::string headers;
        Json body;
    };
    // Through curl. `target` is encoded already; an empty body is none.
    Answer curl(const std::string &method, const std::string &target,
                const std::string &body = "") const;

  private:
    AdminSource source();
    Result<FlowDeletion> flush(const std::function<bool(const Flow &)> &wanted);
    std::optional<BackendView> view(const BackendKey &key) const;

    TempDir folder_;
    boost::asio::io_context loop_;
    Inventory inventory_;
    AdminApi admin_;
    std::optional<SocketFile> file_;
    std::optional<HttpServer> server_;
    std::thread thread_;
};

}  // namespace weir::test
