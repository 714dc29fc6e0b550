#include "lb/trace/outputs.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include "lb/top/terminal.h"
#include "lb/trace/document.h"

namespace weir {
namespace {

// Histograms fill a screen each.
constexpr std::size_t kTopOfText = 20;

bool flush() {
    std::fflush(stdout);
    return std::ferror(stdout) == 0;
}

TraceMoment moment(const std::string &what, double seconds) {
    const auto now = std::time(nullptr);
    return {fmt::format("{:%H:%M:%S}", fmt::localtime(now)), seconds, what};
}

TraceLook look_of(const OutputOptions &options, std::size_t top) {
    return {options.sort, options.top.value_or(top)};
}

void print_end(const OutputOptions &options, const TraceView &view) {
    const auto look = look_of(options, kTopOfText);
    fmt::print("{}{}", trace_table(view.all, moment(options.what, view.seconds), look),
               trace_histograms(view.all, look));
    flush();
}

class Text : public TraceOutput {
  public:
    explicit Text(OutputOptions options) : options_(std::move(options)) {}

    bool show(const TraceView &view) override {
        if (options_.each)
            fmt::print("{}\n", trace_table(view.last, moment(options_.what, view.last_seconds),
                                           look_of(options_, kTopOfText)));
        return flush();
    }
    void end(const TraceView &view) override { print_end(options_, view); }

  private:
    OutputOptions options_;
};

class Lines : public TraceOutput {
  public:
    explicit Lines(OutputOptions options) : options_(std::move(options)) {}

    bool show(const TraceView &view) override {
        if (options_.each)
            print(view.last, view.last_seconds, false);
        return flush();
    }
    void end(const TraceView &view) override {
        print(view.all, view.seconds, true);
        flush();
    }

  private:
    void print(const Tally &tally, double seconds, bool end) const {
        const auto now = unix_seconds(std::chrono::system_clock::now());
        fmt::print("{}\n", dump(trace_document(tally, now, seconds, end, look_of(options_, 0))));
    }

    OutputOptions options_;
};

class Screen : public TraceOutput {
  public:
    Screen(OutputOptions options, Terminal terminal)
        : options_(std::move(options)), terminal_(std::move(terminal)) {}

    bool show(const TraceView &view) override {
        view_.emplace(view);
        draw();
        return true;
    }
    void end(const TraceView &view) override {
        terminal_.reset();
        print_end(options_, view);
    }
    int keys() const override { return STDIN_FILENO; }
    bool press() override {
        bool any = false;
        while (const auto key = terminal_->key()) {
            any = true;
            if (key->text == "q" || key->text == "Q")
                return false;
            if (key->text == "s")
                options_.sort = next_sort(options_.sort);
        }
        draw();
        // readable, and nothing to be read: the terminal is gone
        return any || ::isatty(STDIN_FILENO) != 0;
    }
    void resize() override {
        terminal_->resize();
        draw();
    }

  private:
    void draw() {
        if (view_)
            terminal_->draw(trace_screen(view_->all, {view_->last, view_->last_seconds},
                                         moment(options_.what, view_->seconds),
                                         look_of(options_, 0), terminal_->size()));
    }

    OutputOptions options_;
    std::optional<TraceView> view_;
    std::optional<Terminal> terminal_;
};

}  // namespace

std::unique_ptr<TraceOutput> text_output(const OutputOptions &options) {
    return std::make_unique<Text>(options);
}

std::unique_ptr<TraceOutput> json_output(const OutputOptions &options) {
    return std::make_unique<Lines>(options);
}

Result<std::unique_ptr<TraceOutput>> screen_output(const OutputOptions &options) {
    return Terminal::open().map([&](Terminal terminal) -> std::unique_ptr<TraceOutput> {
        return std::make_unique<Screen>(options, std::move(terminal));
    });
}

}  // namespace weir
