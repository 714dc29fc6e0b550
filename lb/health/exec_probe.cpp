// Type exec: a program ends with status 0.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>

#include "lb/health/child.h"
#include "lb/health/probes.h"

namespace weir {
namespace {

using boost::system::error_code;
namespace posix = boost::asio::posix;

constexpr std::size_t kMostKept = 160;                       // bytes of what it prints
constexpr std::size_t kMostOutput = std::size_t{64} << 10U;  // bytes

class ExecProbe final : public Probe {
  public:
    ExecProbe(Tools tools, CheckTarget target, CheckConfig config)
        : tools_(std::move(tools)),
          target_(std::move(target)),
          config_(std::move(config)),
          ended_(tools_->loop),
          output_(tools_->loop) {
        set_step(config_->command.front());
    }
    // Killed here or before; its owner waits for its end.
    ~ExecProbe() override {
        child_.kill();
        let_go();
    }
    ExecProbe(const ExecProbe &) = delete;
    ExecProbe &operator=(const ExecProbe &) = delete;
    ExecProbe(ExecProbe &&) = delete;
    ExecProbe &operator=(ExecProbe &&) = delete;

  private:
    void ask() override {
        const Endpoint &endpoint = target_.endpoint;
        const ChildStart start{config_->command,
                               {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                "WEIR_SERVICE=" + target_.service,
                                "WEIR_BACKEND_ADDRESS=" + endpoint.address.to_string(),
                                fmt::format("WEIR_BACKEND_PORT={}", endpoint.port)},
                               tools_->child_files};
        if (const int error = child_.start(start); error != 0)
            return finish(CheckOutcome::not_made(
                fmt::format("{}: cannot be run: {}", step(),
                            to_text({error, boost::system::system_category()}))));
        error_code error;
        ended_.assign(child_.ended_fd(), error);
        if (!error)
            output_.assign(child_.output_fd(), error);
        if (error)
            return finish(CheckOutcome::not_made(fmt::format("{}: {}", step(), to_text(error))));
        wait_for_output();
        ended_.async_wait(posix::descriptor_base::wait_read,
                          [self = keep(this)](error_code failed) { self->ended(failed); });
    }

    // The wait for the end goes on, for the child has to be reaped.
    void stop() override {
        child_.kill();
        if (output_.is_open())
            output_.release();
    }

    // The descriptors are the child's; those of Asio only wait on them.
    void let_go() {
        if (output_.is_open())
            output_.release();
        if (ended_.is_open())
            ended_.release();
    }

    void wait_for_output() {
        output_.async_wait(posix::descriptor_base::wait_read,
                           [this, self = keep(this)](error_code error) {
                               if (!error && !over() && drain())
                                   wait_for_output();
                           });
    }

    // Keeps the beginning and throws the rest away. False when there will be no more.
    bool drain() {
        std::array<char, 4096> block{};
        const ssize_t got = ::read(child_.output_fd(), block.data(), block.size());
        if (got <= 0)
            return got < 0 && errno == EAGAIN;
        const auto size = static_cast<std::size_t>(got);
        printed_.append(block.data(), std::min(size, kMostKept - printed_.size()));
        output_size_ += size;
        if (output_size_ > kMostOutput)
            finish_failed("prints more than 64 KiB");
        return !over();
    }

    void ended(error_code error) {
        if (error == boost::asio::error::operation_aborted)
            return;
        child_.kill();  // what it has left behind
        const int status = child_.reap();
        if (!over())
            drain();
        if (over())
            return;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            return finish(CheckOutcome::passed());
        const std::string how = WIFSIGNALED(status)
                                    ? fmt::format("killed by signal {}", WTERMSIG(status))
                                    : fmt::format("exit status {}", WEXITSTATUS(status));
        const std::string line = first_line();
        finish_failed(line.empty() ? how : fmt::format("{}: {}", how, line));
    }

    // What it printed first, fit for a log.
    std::string first_line() const {
        std::string line = printed_.substr(0, printed_.find('\n'));
        for (char &c : line)
            c = c < ' ' || c > '~' ? '?' : c;
        return line;
    }

    Tools tools_;
    CheckTarget target_;
    CheckConfig config_;
    Child child_;
    posix::stream_descriptor ended_;
    posix::stream_descriptor output_;
    std::string printed_;  // the beginning of it
    std::size_t output_size_ = 0;
};

}  // namespace

ProbePointer make_exec_probe(const Tools &tools, const CheckTarget &target, CheckConfig config) {
    return std::make_shared<ExecProbe>(tools, target, std::move(config));
}

}  // namespace weir
