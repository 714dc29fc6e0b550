#include "tests/support/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "tests/support/process.h"

namespace weir::test {
namespace {

void check(int result, const std::string &what) {
    if (result < 0)
        throw std::system_error(errno, std::generic_category(), what);
}

// What a thread does, with its exception brought to the caller.
void on_thread(const std::function<void()> &work) {
    std::exception_ptr failure;
    std::thread thread([&] {
        try {
            work();
        } catch (...) {
            failure = std::current_exception();
        }
    });
    thread.join();
    if (failure)
        std::rethrow_exception(failure);
}

}  // namespace

std::string why_no_namespaces() {
    if (::geteuid() != 0)
        return "needs root: network namespaces and BPF";
    try {
        on_thread([] { check(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)"); });
    } catch (const std::exception &error) {
        return error.what();
    }
    return {};
}

Netns::Netns() {
    on_thread([this] {
        check(::unshare(CLONE_NEWNET), "unshare(CLONE_NEWNET)");
        fd_ = Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        check(fd_.get(), "/proc/thread-self/ns/net");
    });
    command("ip link set lo up");
}

std::string Netns::path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd());
}

void Netns::run(const std::function<void()> &work) const {
    on_thread([&] {
        check(::setns(fd(), CLONE_NEWNET), "setns");
        work();
    });
}

std::string Netns::output(const std::string &line) const {
    std::istringstream words(line);
    std::vector<std::string> arguments;
    for (std::string word; words >> word;)
        arguments.push_back(word);
    const auto done = Process(arguments, {.netns = this}).wait();
    if (done.status != 0)
        throw std::runtime_error(line + ": " + done.err);
    return done.out;
}

void Netns::command(const std::string &line) const {
    output(line);
}

void Netns::sysctl(const std::string &name, const std::string &value) const {
    run([&] {
        std::ofstream file("/proc/sys/" + name);
        file << value << std::flush;
        if (!file)
            throw std::runtime_error("cannot write /proc/sys/" + name);
    });
}

void connect(const Netns &a, const std::string &name_a, const Netns &b, const std::string &name_b) {
    a.command("ip link add " + name_a + " type veth peer name " + name_b + " netns " + b.path());
    for (const auto &[netns, name] : {std::pair(&a, name_a), std::pair(&b, name_b)}) {
        // XDP on the far end would see unfinished checksums otherwise; and a veth takes frames from
        // XDP only when its own receive side polls, which GRO switches on
        netns->command("ethtool -K " + name + " tx off gro on");
        // no duplicate address detection, no router solicitation
        netns->sysctl("net/ipv6/conf/" + name + "/disable_ipv6", "1");
        netns->command("ip link set " + name + " up");
    }
}

void enable_ipv6(const Netns &netns, const std::string &name) {
    const auto settings = "net/ipv6/conf/" + name + "/";
    netns.sysctl(settings + "accept_dad", "0");
    netns.sysctl(settings + "router_solicitations", "0");
    netns.sysctl(settings + "disable_ipv6", "0");
}

void enter_mount_sandbox() {
    static const bool entered = [] {
        check(::unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)");
        check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make / private");
        check(::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"), "mount /run");
        // a test that unmounts its own finds none below that other tests use as well
        while (::umount2("/sys/fs/bpf", MNT_DETACH) == 0)
            continue;
        check(::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr), "mount /sys/fs/bpf");
        return true;
    }();
    static_cast<void>(entered);
}

}  // namespace weir::test
