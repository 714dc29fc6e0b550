#include "lb/replay/replay.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lb/replay/compare.h"
#include "lb/replay/history.h"

namespace weir {

namespace {

constexpr std::uint64_t kBetweenProgress = 1024;  // frames

// Refuses to write onto a file that is read, or onto one file twice.
Result<void> check_paths(const ReplayOptions &options) {
    std::vector<std::pair<std::string_view, std::string>> taken{{"-c", options.config},
                                                                {"-r", options.input}};
    if (options.expected)
        taken.emplace_back("--expect", *options.expected);
    const auto check = [&](std::string_view flag, const std::optional<std::string> &path) {
        if (!path)
            return Result<void>{};
        for (const auto &[other, file] : taken) {
            const bool streams = *path == "-" && file == "-" && other != "-r";
            if (streams || (*path != "-" && file != "-" && same_file(*path, file)))
                return Result<void>(fail(
                    Exit::usage, fmt::format("{}: {} and {} are one file", *path, other, flag)));
        }
        taken.emplace_back(flag, *path);
        return Result<void>{};
    };
    return check("-w", options.output).and_then([&] { return check("--json", options.report); });
}

// All files of a replay.
class Replay {
  public:
    static Result<Replay> open(const Config &config, const ReplayOptions &options);

    Result<ReplayResult> run(Session &session);

  private:
    explicit Replay(CaptureReader input) : input_(std::move(input)) {}
    Result<void> frame(Session &session, std::uint64_t index, const Frame &in);
    Result<void> report(const std::string &line);
    Result<void> finish(const Config &config);

    CaptureReader input_;
    Timing timing_ = Timing::no;
    std::function<void(const ReplayPosition &)> progress_;
    std::optional<CaptureWriter> output_;
    std::optional<Comparison> comparison_;
    std::optional<OutputFile> report_;
    PacketHistory history_;
    Summary summary_;
};

Result<Replay> Replay::open(const Config &config, const ReplayOptions &options) {
    auto input = CaptureReader::open(options.input, config.replay.mac);
    if (!input)
        return tl::make_unexpected(input.error());
    Replay replay(std::move(*input));
    replay.timing_ = options.timing;
    replay.progress_ = options.progress;
    if (options.expected) {
        auto expected = CaptureReader::open(*options.expected);
        if (!expected)
            return tl::make_unexpected(expected.error());
        replay.comparison_.emplace(std::move(*expected), options.ignored);
    }
    if (options.output) {
        auto output = CaptureWriter::create(*options.output, replay.input_.resolution());
        if (!output)
            return tl::make_unexpected(output.error());
        replay.output_.emplace(std::move(*output));
    }
    if (options.report) {
        auto report = OutputFile::create(*options.report);
        if (!report)
            return tl::make_unexpected(report.error());
        replay.report_.emplace(std::move(*report));
    }
    return replay;
}

Result<void> Replay::report(const std::string &line) {
    if (std::fputs(line.c_str(), report_->stream()) < 0 || std::fputc('\n', report_->stream()) < 0)
        return fail(Exit::refused,
                    fmt::format("{}: cannot write: {}", report_->path(), std::strerror(errno)));
    return {};
}

Result<void> Replay::frame(Session &session, std::uint64_t index, const Frame &in) {
    auto outcome = session.run(in);
    if (!outcome)
        return fail(outcome.error().exit,
                    fmt::format("{}: frame {}: {}", input_.path(), index, outcome.error().message));
    summary_.add(in, *outcome);
    if (comparison_)
        history_.add(index, in, *outcome);
    Result<void> done;
    if (report_)
        done = report(report_line(index, in, *outcome, input_.resolution(), timing_));
    if (outcome->verdict == Verdict::drop)
        return done;
    if (done && output_)
        done = output_->write(outcome->frame);
    if (done && comparison_)
        done = comparison_->add(outcome->frame,
                                [this] { return history_.lines(input_.resolution()); });
    return done;
}

Result<void> Replay::finish(const Config &config) {
    Result<void> done;
    if (comparison_)
        done = comparison_->finish();
    if (done && output_)
        done = output_->finish();
    if (done && report_)
        done = report(summary_.report_line(config, timing_)).and_then([&] {
            return report_->commit();
        });
    return done;
}

Result<ReplayResult> Replay::run(Session &session) {
    const auto start = std::chrono::steady_clock::now();
    Frame in;
    for (std::uint64_t index = 1;; index++) {
        auto more = input_.next(in);
        if (!more)
            return tl::make_unexpected(more.error());
        if (!*more)
            break;
        if (auto done = frame(session, index, in); !done)
            return tl::make_unexpected(done.error());
        if (progress_ && index % kBetweenProgress == 0)
            progress_({index, input_.position(), input_.size()});
    }
    summary_.set_duration(std::chrono::steady_clock::now() - start);
    if (auto done = finish(session.config()); !done)
        return tl::make_unexpected(done.error());
    ReplayResult result{summary_, 0, {}};
    if (comparison_) {
        result.differences = comparison_->differences();
        result.difference_lines = comparison_->report();
    }
    return result;
}

}  // namespace

Result<ReplayResult> replay(const Config &config, const ReplayOptions &options) {
    if (auto checked = check_paths(options); !checked)
        return tl::make_unexpected(checked.error());
    auto files = Replay::open(config, options);
    if (!files)
        return tl::make_unexpected(files.error());
    const CpuPin pin;
    auto session = Session::create(config);
    if (!session)
        return tl::make_unexpected(session.error());
    return files->run(*session);
}

Result<ReplayResult> replay(Session &session, const ReplayOptions &options) {
    return check_paths(options)
        .and_then([&] { return Replay::open(session.config(), options); })
        .and_then([&](Replay files) { return files.run(session); });
}

}  // namespace weir
