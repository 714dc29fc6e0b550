#include "lb/replay/suite.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "lb/replay/engine.h"

namespace weir {

namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> find_cases(const std::string &folder) {
    std::vector<fs::path> cases;
    try {
        if (!fs::is_directory(folder))
            return fail(Exit::usage, fmt::format("{}: is no folder", folder));
        if (fs::exists(fs::path(folder) / "weir.yaml"))
            cases.emplace_back(folder);
        for (const auto &entry : fs::recursive_directory_iterator(folder))
            if (entry.is_directory() && fs::exists(entry.path() / "weir.yaml"))
                cases.push_back(entry.path());
    } catch (const fs::filesystem_error &error) {
        return fail(Exit::usage,
                    fmt::format("{}: {}", error.path1().string(), error.code().message()));
    }
    if (cases.empty())
        return fail(Exit::usage,
                    fmt::format("{}: has no case: no folder with a weir.yaml", folder));
    std::sort(cases.begin(), cases.end());
    return cases;
}

std::string name_of(const fs::path &one, const std::string &folder) {
    const std::string name = one.lexically_relative(folder).string();
    return name == "." ? fs::absolute(one).lexically_normal().filename().string() : name;
}

unsigned usable_cpus() {
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? static_cast<unsigned>(CPU_COUNT(&cpus))
                                                         : 1;
}

// Results in the order of the cases, whichever ends first.
class Board {
  public:
    explicit Board(std::size_t cases) : results_(cases) {}

    void put(std::size_t number, CaseResult result) {
        const std::lock_guard lock(mutex_);
        results_[number] = std::move(result);
        changed_.notify_one();
    }
    CaseResult wait_for(std::size_t number) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return results_[number].has_value(); });
        return *results_[number];
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::optional<CaseResult>> results_;
};

}  // namespace

Result<std::vector<CaseResult>> run_suite(const SuiteOptions &options,
                                          const std::function<void(const CaseResult &)> &tell) {
    const auto cases = find_cases(options.folder);
    if (!cases)
        return tl::make_unexpected(cases.error());
    Board board(cases->size());
    std::atomic<std::size_t> next = 0;
    const auto work = [&](unsigned worker) {
        const CpuPin pin(worker);
        for (std::size_t i = next++; i < cases->size(); i = next++)
            board.put(i, run_case((*cases)[i].string(), name_of((*cases)[i], options.folder),
                                  options.update));
    };
    std::vector<std::jthread> workers;
    const std::size_t jobs = options.jobs == 0 ? usable_cpus() : options.jobs;
    for (unsigned i = 0; i < std::min(jobs, cases->size()); i++)
        workers.emplace_back(work, i);
    std::vector<CaseResult> results;
    for (std::size_t i = 0; i < cases->size(); i++) {
        results.push_back(board.wait_for(i));
        tell(results.back());
    }
    return results;
}

}  // namespace weir
