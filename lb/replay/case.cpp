#include "lb/replay/case.h"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "lb/config/document.h"
#include "lb/replay/replay.h"
#include "lb/replay/steps.h"

namespace weir {

namespace {

namespace fs = std::filesystem;

template <typename... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

// The bytes of a golden capture; nothing when there is none.
std::string bytes_of(const std::string &file) {
    return read_text(file).value_or("");
}

class CaseRun {
  public:
    CaseRun(fs::path folder, bool update, CaseResult &result)
        : folder_(std::move(folder)), update_(update), result_(result) {}

    Result<void> run() {
        const auto config = load_config(file("weir.yaml"));
        if (!config)
            return tl::make_unexpected(config.error());
        const auto steps = this->steps();
        if (!steps)
            return tl::make_unexpected(steps.error());
        ignored_ = steps->ignore;
        auto session = Session::create(*config);
        if (!session)
            return tl::make_unexpected(session.error());
        for (const Step &step : steps->steps) {
            if (auto done = act(*session, step); !done)
                return done.map_error([&](const Error &error) { return at(step, error); });
            if (result_.status == CaseResult::Status::differs)
                return {};  // what comes after follows from it
        }
        return {};
    }

  private:
    std::string file(const std::string &name) const { return (folder_ / name).string(); }

    Error at(const Step &step, const Error &error) const {
        if (step.line == 0)
            return error;
        return {error.exit, fmt::format("{}:{}: {}", file("steps.yaml"), step.line, error.message)};
    }

    Result<Steps> steps() const {
        if (fs::exists(file("steps.yaml")))
            return load_steps(file("steps.yaml"));
        const char *input = fs::exists(file("in.pcapng")) ? "in.pcapng" : "in.pcap";
        return Steps{{}, {{0, ReplayStep{input, "expected.pcap"}}}};
    }

    Result<void> act(Session &session, const Step &step) {
        const auto of_weight = [&](const WeightStep &weight) {
            Override change = session.override_of(weight.backend);
            change.weight = weight.weight;
            return session.set_override(weight.backend, change);
        };
        const auto of_admin = [&](const AdminStep &admin) {
            Override change = session.override_of(admin.backend);
            change.admin = admin.admin;
            return session.set_override(admin.backend, change);
        };
        return std::visit(
            Overloaded{[&](const ReplayStep &replay) {
                           return update_ && replay.expected ? write(session, replay)
                                                             : compare(session, replay);
                       },
                       [&](const ReloadStep &reload) {
                           return load_config(file(reload.config)).and_then([&](Config config) {
                               return session.reload(std::move(config));
                           });
                       },
                       [&](const AdvanceStep &advance) { return session.advance(advance.time); },
                       [&](const HealthStep &health) {
                           return session.set_health(health.backend, health.up);
                       },
                       of_weight, of_admin,
                       [&](const CountersStep &counters) { return check(session, step, counters); },
                       [&](const DropsStep &drops) { return check(session, step, drops); }},
            step.action);
    }

    Result<void> compare(Session &session, const ReplayStep &step) {
        ReplayOptions options{file("weir.yaml"), file(step.input), {}, {}, {},
                              Timing::no,        ignored_};
        if (step.expected) {
            options.expected = file(*step.expected);
            if (!fs::exists(*options.expected))
                return fail(Exit::usage,
                            fmt::format("{}: is not there; --update writes it", *options.expected));
        }
        return replay(session, options).map([&](const ReplayResult &done) {
            result_.frames += done.summary.frames_in();
            if (done.differences != 0)
                differ(done.difference_lines);
        });
    }

    Result<void> write(Session &session, const ReplayStep &step) {
        const std::string golden = file(*step.expected);
        const std::string before = bytes_of(golden);
        const ReplayOptions options{
            file("weir.yaml"), file(step.input), golden, {}, {}, Timing::no, {}};
        return replay(session, options).map([&](const ReplayResult &done) {
            result_.frames += done.summary.frames_in();
            if (bytes_of(golden) != before)
                result_.status = CaseResult::Status::updated;
        });
    }

    Result<void> check(Session &session, const Step &step, const CountersStep &wanted) {
        const auto found = session.engine().counters(wanted.service, wanted.backend);
        if (!found)
            return tl::make_unexpected(found.error());
        const std::string of = wanted.service + (wanted.backend ? " " + *wanted.backend : "");
        if (!*found)
            return fail(Exit::usage, fmt::format("there is no {}", of));
        std::map<std::string, std::uint64_t> values;
        for (const CounterField &field : kCounterFields)
            values.emplace(field.name, (**found).*field.value);
        check(step, of + " ", wanted.values, values);
        return {};
    }

    Result<void> check(Session &session, const Step &step, const DropsStep &wanted) {
        const auto found = session.engine().drops();
        if (!found)
            return tl::make_unexpected(found.error());
        std::map<std::string, std::uint64_t> values;
        for (std::uint8_t reason = 0; reason < WEIR_DROP_REASONS; reason++)
            values.emplace(drop_reason_name(reason), found->at(reason));
        check(step, "drops ", wanted.values, values);
        return {};
    }

    void check(const Step &step, const std::string &of,
               const std::map<std::string, std::uint64_t> &wanted,
               const std::map<std::string, std::uint64_t> &values) {
        std::vector<std::string> lines;
        for (const auto &[name, value] : wanted)
            if (values.at(name) != value)
                lines.push_back(fmt::format("{}:{}: {}{}: {}, expected {}", file("steps.yaml"),
                                            step.line, of, name, values.at(name), value));
        if (!lines.empty())
            differ(std::move(lines));
    }

    void differ(std::vector<std::string> lines) {
        result_.status = CaseResult::Status::differs;
        result_.exit = Exit::failed;
        result_.lines = std::move(lines);
    }

    fs::path folder_;
    bool update_;
    CaseResult &result_;
    std::vector<std::string> ignored_;
};

}  // namespace

std::string_view to_string(CaseResult::Status status) {
    switch (status) {
        case CaseResult::Status::passed:
            return "ok";
        case CaseResult::Status::updated:
            return "updated";
        case CaseResult::Status::differs:
            return "differs";
        case CaseResult::Status::failed:
            break;
    }
    return "failed";
}

CaseResult run_case(const std::string &folder, std::string name, bool update) {
    CaseResult result;
    result.name = std::move(name);
    const auto start = std::chrono::steady_clock::now();
    if (const auto done = CaseRun(folder, update, result).run(); !done) {
        result.status = CaseResult::Status::failed;
        result.exit = done.error().exit;
        result.lines = {done.error().message};
    }
    result.duration = std::chrono::steady_clock::now() - start;
    return result;
}

}  // namespace weir
