// weir top: what Weir does, second by second; on a terminal live, else as plain tables.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <cerrno>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lb/cli/commands.h"
#include "lb/cli/connection.h"
#include "lb/cli/report.h"
#include "lb/config/duration.h"
#include "lb/top/display.h"
#include "lb/top/poller.h"
#include "lb/top/terminal.h"

namespace weir {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kShortestInterval{500};

struct TopOptions {
    Connection connection;
    std::string interval = "1s";
    std::uint64_t iterations = 0;  // 0: no end
    bool json = false;
};

// The last two samples, and what became of the daemon since.
class Live {
  public:
    explicit Live(std::chrono::milliseconds interval) : interval_(print_duration(interval)) {}

    void take(Result<TopSample> result) {
        if (!result) {
            trouble_ = result.error();
            return;
        }
        trouble_.reset();
        came_ = std::chrono::steady_clock::now();
        view_ = make_top_view(last_, *result);
        samples_++;
        last_ = std::move(*result);
    }
    const TopView &view() const { return view_; }
    const std::optional<Error> &trouble() const { return trouble_; }
    std::uint64_t samples() const { return samples_; }
    TopMoment moment() const {
        const auto now = std::time(nullptr);
        TopMoment moment{fmt::format("{:%H:%M:%S}", fmt::localtime(now)), interval_};
        if (trouble_)
            moment.trouble = trouble_->message;
        moment.trouble_for =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - came_).count();
        return moment;
    }

  private:
    std::string interval_;
    std::optional<TopSample> last_;
    TopView view_;
    std::optional<Error> trouble_;
    std::chrono::steady_clock::time_point came_;
    std::uint64_t samples_ = 0;
};

// Prints each interval, the first one when it has rates.
class TopPrinter {
  public:
    TopPrinter(asio::io_context &loop, const TopOptions &options,
               std::chrono::milliseconds interval)
        : loop_(loop), options_(options), live_(interval) {}

    void take(Result<TopSample> result) {
        live_.take(std::move(result));
        if (live_.samples() == 0)
            return fail_with(*live_.trouble());
        if (live_.samples() == 1 && !live_.trouble())
            return;
        fmt::print("{}", options_.json ? json() : top_text(live_.view(), live_.moment()) + "\n");
        std::fflush(stdout);
        if (std::ferror(stdout) != 0 || ++printed_ == options_.iterations)
            loop_.stop();
    }
    int status() const { return status_; }

  private:
    void fail_with(const Error &error) {
        status_ = report(error);
        loop_.stop();
    }
    std::string json() const {
        const auto time =
            std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                .count();
        if (!live_.trouble())
            return dump(top_document(live_.view(), time)) + "\n";
        return dump({{"time", time}, {"error", live_.trouble()->message}}) + "\n";
    }

    asio::io_context &loop_;
    const TopOptions &options_;
    Live live_;
    std::uint64_t printed_ = 0;
    int status_ = static_cast<int>(Exit::ok);
};

// Draws each sample and after each key.
class Screen {
  public:
    Screen(asio::io_context &loop, const TopOptions &options, std::chrono::milliseconds interval)
        : loop_(loop),
          options_(options),
          live_(interval),
          keys_(loop),
          signals_(loop, SIGINT, SIGTERM, SIGHUP) {
        signals_.add(SIGQUIT);
        signals_.add(SIGWINCH);
        wait_for_signal();
    }

    void take(Result<TopSample> result) {
        live_.take(std::move(result));
        if (!terminal_ && !open())
            return;
        if (!controls_.paused())
            shown_ = live_.view();
        draw();
        if (options_.iterations > 0 && ++drawn_ == options_.iterations)
            loop_.stop();
    }
    int status() const { return status_; }

  private:
    // Once there is something to be shown.
    bool open() {
        const auto ready =
            live_.trouble() ? Result<void>(tl::make_unexpected(*live_.trouble())) : open_keys();
        const auto opened =
            ready.and_then([] { return Terminal::open(); }).map([this](Terminal terminal) {
                terminal_.emplace(std::move(terminal));
                wait_for_key();
            });
        if (opened)
            return true;
        status_ = report(opened.error());
        loop_.stop();
        return false;
    }
    // Standard input anew: Asio makes it non-blocking, which others that have it must not see.
    Result<void> open_keys() {
        const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
        if (terminal < 0)
            return fail(Exit::refused,
                        fmt::format("/dev/tty: cannot read the terminal: {} (weir top | cat prints "
                                    "plain tables)",
                                    std::strerror(errno)));
        keys_.assign(terminal);
        return {};
    }
    void draw() {
        terminal_->draw(top_screen(shown_, controls_, live_.moment(), terminal_->size()));
    }
    void wait_for_key() {
        keys_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this](boost::system::error_code error) {
                             if (error)
                                 return;
                             press_keys();
                             wait_for_key();
                         });
    }
    void press_keys() {
        bool any = false;
        while (const auto key = terminal_->key()) {
            any = true;
            controls_.press(*key, shown_);
        }
        // readable, and nothing to be read: the terminal is gone
        if (!any && ::isatty(STDIN_FILENO) == 0)
            return loop_.stop();
        if (controls_.quit())
            return loop_.stop();
        if (!controls_.paused())
            shown_ = live_.view();
        draw();
    }
    void wait_for_signal() {
        signals_.async_wait([this](boost::system::error_code error, int signal) {
            if (error)
                return;
            if (signal != SIGWINCH)
                return loop_.stop();
            if (terminal_) {
                terminal_->resize();
                draw();
            }
            wait_for_signal();
        });
    }

    asio::io_context &loop_;
    const TopOptions &options_;
    Live live_;
    TopControls controls_;
    TopView shown_;
    asio::posix::stream_descriptor keys_;
    asio::signal_set signals_;
    std::optional<Terminal> terminal_;
    std::uint64_t drawn_ = 0;
    int status_ = static_cast<int>(Exit::ok);
};

template <typename Output>
int show(const TopOptions &options, const std::string &socket, std::chrono::milliseconds interval) {
    asio::io_context loop;
    Output output(loop, options, interval);
    const TopPoller poller(loop, socket, interval,
                           [&](Result<TopSample> result) { output.take(std::move(result)); });
    loop.run();
    return output.status();
}

int run_top(const TopOptions &options) {
    const auto interval = parse_short_duration(options.interval);
    if (!interval || *interval < kShortestInterval)
        return report(
            {Exit::usage, fmt::format("--interval \"{}\": {}", options.interval,
                                      interval ? "must be 500ms or more" : interval.error())});
    const auto socket = socket_of(options.connection);
    if (!socket)
        return report(socket.error());
    // how wide a character is, and what the terminal takes
    std::setlocale(LC_CTYPE, "");
    const bool terminal = ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
    return terminal && !options.json ? show<Screen>(options, *socket, *interval)
                                     : show<TopPrinter>(options, *socket, *interval);
}

}  // namespace

void add_top_command(CLI::App &app, int &status) {
    auto *command = app.add_subcommand(
        "top", "Show rates, live on a terminal; into a pipe, a table each interval");
    auto options = std::make_shared<TopOptions>();
    add_connection_options(*command, options->connection);
    command->add_option("--interval", options->interval, "From one sample to the next [1s]");
    command->add_option("-n,--iterations", options->iterations, "End after so many intervals");
    command->add_flag("--json", options->json, "Print a JSON object each interval, in one line");
    command->callback([options, &status] { status = run_top(*options); });
}

}  // namespace weir
