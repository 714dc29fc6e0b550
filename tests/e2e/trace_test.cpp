// weir trace sockets beside processes whose calls are known.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/e2e/traced.h"
#include "tests/e2e/traced_calls.h"
#include "tests/support/temp.h"

namespace weir::test {
namespace {

using Calls = std::map<std::string, std::uint64_t>;

class Trace : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = why_no_namespaces(); !why.empty())
            GTEST_SKIP() << why;
    }
};

// -- counts ---------------------------------------------------------------------------------------

void make_every_call() {
    std::thread other([] {
        ::prctl(PR_SET_NAME, "a-thread");
        send_and_receive(30000);
    });
    for (int i = 0; i < 70; i++)
        named_socket(-1);
    connect_and_accept(300);
    send_and_receive_messages(4000, 1500);
    send_and_receive(10000);
    other.join();
}

void wait_in_every_call() {
    const Fd server = named_socket(0);
    const Fd first = new_socket(AF_UNIX, SOCK_STREAM);
    const Fd second = new_socket(AF_UNIX, SOCK_STREAM);
    {
        const WhenAsleep connects([&] { require(connect_to(first, server) == 0, "connect"); });
        const Fd peer(::accept(server.get(), nullptr, nullptr));
        require(static_cast<bool>(peer), "accept");
        const WhenAsleep sends([&] { require(::send(first.get(), "x", 1, 0) == 1, "send"); });
        char byte = 0;
        require(::recv(peer.get(), &byte, 1, 0) == 1, "recv");
    }
    // one may wait to be accepted, and the next one waits to be one that waits
    require(connect_to(second, server) == 0, "connect");
    const Fd third = new_socket(AF_UNIX, SOCK_STREAM);
    const WhenAsleep accepts([&] { ::close(::accept(server.get(), nullptr, nullptr)); });
    require(connect_to(third, server) == 0, "connect");
}

TEST_F(Trace, CountsEveryCallOfAllThreadsOnceWhateverTheInterval) {
    Caller caller("weir-all", make_every_call);
    const auto trace = start_trace(caller, {"--json", "--interval", "100ms"});
    caller.begin();
    EXPECT_TRUE(caller.wait());
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    auto told = documents_of(done.out);
    ASSERT_GE(told.size(), 2U) << done.out;
    const Calls all = calls_of(told.back(), caller.pid());
    EXPECT_EQ(all, (Calls{{"socket", 670},
                          {"bind", 370},
                          {"listen", 300},
                          {"accept", 300},
                          {"connect", 300},
                          {"send", 40000},
                          {"recv", 40000},
                          {"sendmsg", 4000},
                          {"recvmsg", 4000},
                          {"sendmmsg", 1500},
                          {"recvmmsg", 1500}}))
        << told.back()["missing"].dump();
    Calls parts;
    for (std::size_t i = 0; i + 1 < told.size(); i++) {
        EXPECT_EQ(told[i]["end"], false);
        for (const auto &[call, count] : calls_of(told[i], caller.pid()))
            parts[call] += count;
    }
    EXPECT_EQ(parts, all) << "intervals are the parts of the whole";
    EXPECT_EQ(told.back()["end"], true);
    EXPECT_EQ(row_of(told.back(), caller.pid(), "send")["comm"], "weir-all") << "not a thread's";
}

TEST_F(Trace, TimesIncludeWaiting) {
    Caller caller("weir-waits", wait_in_every_call);
    const auto trace = start_trace(caller, {"--json"});
    caller.begin();
    EXPECT_TRUE(caller.wait());
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    auto told = documents_of(done.out);
    ASSERT_EQ(told.size(), 1U) << "without --interval the whole alone: " << done.out;
    for (const char *call : {"accept", "recv", "connect"}) {
        auto row = row_of(told[0], caller.pid(), call);
        ASSERT_FALSE(row.is_null()) << call;
        EXPECT_GE(row["done"]["p99_ns"].get<std::uint64_t>(), kAsleepNs) << row;
        EXPECT_GE(row["done"]["max_ns"].get<std::uint64_t>(), kAsleepNs) << row;
        EXPECT_GE(calls_from(row, kAsleepNs), 1U) << row;
    }
    EXPECT_EQ(row_of(told[0], caller.pid(), "connect")["done"]["calls"], 3);
    auto send = row_of(told[0], caller.pid(), "send");
    EXPECT_LE(send["done"]["p50_ns"], row_of(told[0], caller.pid(), "recv")["done"]["p50_ns"]);
}

void fail_in_every_way() {
    sockaddr_in nobody{};
    nobody.sin_family = AF_INET;
    nobody.sin_port = htons(9);
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto *address = reinterpret_cast<const sockaddr *>(&nobody);
    for (int i = 0; i < 3; i++) {
        const Fd fd = new_socket(AF_INET, SOCK_STREAM);
        require(::connect(fd.get(), address, sizeof nobody) != 0 && errno == ECONNREFUSED,
                "a connect that is refused");
    }
    const Fd server = new_socket(AF_INET, SOCK_STREAM);
    require(::bind(server.get(), address, sizeof nobody) == 0 && ::listen(server.get(), 8) == 0,
            "listen");
    for (int i = 0; i < 2; i++) {
        const Fd fd = new_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
        require(::connect(fd.get(), address, sizeof nobody) != 0 && errno == EINPROGRESS,
                "a connect that is not waited for");
    }
    const auto pair = new_pair();
    char byte = 0;
    for (int i = 0; i < 5; i++)
        require(::recv(pair[0].get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "EAGAIN");
    struct sigaction action {};
    action.sa_handler = [](int) {};
    require(::sigaction(SIGALRM, &action, nullptr) == 0, "sigaction");
    const itimerval soon{{0, 20000}, {0, 20000}};  // again: it may come before the call
    require(::setitimer(ITIMER_REAL, &soon, nullptr) == 0, "setitimer");
    require(::recv(pair[0].get(), &byte, 1, 0) < 0 && errno == EINTR, "EINTR");
}

TEST_F(Trace, FailedCallsAreCountedByErrnoAndApartFromThoseToBeMadeAgain) {
    const Netns netns;
    Caller caller("weir-fails", fail_in_every_way, &netns);
    const auto trace = start_trace(caller, {"--json"});
    caller.begin();
    EXPECT_TRUE(caller.wait());
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    auto told = documents_of(done.out);
    ASSERT_EQ(told.size(), 1U) << done.out;
    auto connect = row_of(told[0], caller.pid(), "connect");
    EXPECT_EQ(connect["errors"]["ECONNREFUSED"]["calls"], 3) << connect;
    EXPECT_EQ(connect["errors"]["EINPROGRESS"]["calls"], 2) << connect;
    EXPECT_EQ(connect["failed"], 3);
    EXPECT_EQ(connect["again"], 2);
    EXPECT_EQ(connect["done"]["calls"], 0);
    EXPECT_TRUE(connect["done"]["p99_ns"].is_null()) << "no time of a call that did nothing";
    auto recv = row_of(told[0], caller.pid(), "recv");
    EXPECT_EQ(recv["errors"]["EAGAIN"]["calls"], 5) << recv;
    EXPECT_EQ(recv["errors"]["EINTR"]["calls"], 1) << "the kernel's code is another: " << recv;
    EXPECT_EQ(recv["again"], 6);
    EXPECT_EQ(recv["failed"], 0);
}

TEST_F(Trace, FiltersByNameAndByCall) {
    const auto work = [] {
        send_and_receive(10);
        connect_and_accept(3);
    };
    Caller one("weir-one", work), two("weir-two", work);
    const auto trace = start_trace({"--comm", "weir-one", "--call", "connect,sendto", "--json"});
    one.begin();
    two.begin();
    EXPECT_TRUE(one.wait());
    EXPECT_TRUE(two.wait());
    trace->kill(SIGINT);
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    auto told = documents_of(done.out);
    ASSERT_EQ(told.size(), 1U) << done.out;
    EXPECT_EQ(calls_of(told[0], one.pid()), (Calls{{"send", 10}, {"connect", 3}}));
    EXPECT_EQ(told[0]["rows"].size(), 2U) << "and nobody else's: " << done.out;
}

TEST_F(Trace, TellsOfCallsThatHaveNotEndedAndForgetsThoseOfTheDead) {
    Caller caller("weir-accepts", [] {
        const Fd server = named_socket(1);
        ::accept(server.get(), nullptr, nullptr);
    });
    const auto trace = start_trace({"--comm", "weir-accepts", "--json", "--interval", "100ms"});
    caller.begin();
    const auto last = [&] {
        const auto out = trace->out();
        return documents_of(out.substr(0, out.rfind('\n') + 1)).back();
    };
    ASSERT_TRUE(eventually([&] {
        if (trace->out().find('\n') == std::string::npos)
            return false;
        auto row = row_of(last(), caller.pid(), "accept");
        return !row.is_null() && row["waiting"] == 1 &&
               row["longest_waiting_ns"].get<std::uint64_t>() >= kAsleepNs;
    })) << trace->out();
    caller.kill();
    caller.wait();
    EXPECT_TRUE(eventually([&] { return row_of(last(), caller.pid(), "accept").is_null(); }))
        << trace->out();
    trace->kill(SIGTERM);
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0);
    auto row = row_of(documents_of(done.out).back(), caller.pid(), "accept");
    EXPECT_EQ(row["waiting"], 0) << row;
    EXPECT_EQ(row["errors"]["EINTR"]["calls"], 1) << row;
}

TEST_F(Trace, CountsCallsThatBeganBeforeIt) {
    const auto pair = new_pair();
    Caller caller("weir-before", [&] {
        char byte = 0;
        require(::recv(pair[1].get(), &byte, 1, 0) == 1, "recv");
    });
    caller.begin();
    const auto in_recv = fmt::format("{} ", SYS_recvfrom);
    ASSERT_TRUE(eventually([&] {
        return read_file(fmt::format("/proc/{}/syscall", caller.pid())).rfind(in_recv, 0) == 0;
    }));
    const auto trace = start_trace(caller, {"--json"});
    require(::send(pair[0].get(), "x", 1, 0) == 1, "send");
    EXPECT_TRUE(caller.wait());
    auto told = documents_of(trace->wait().out).back();
    EXPECT_EQ(told["missing"]["no_beginning"], 1) << told;
    EXPECT_EQ(told["rows"].size(), 0U) << "how long it took is not known: " << told;
}

// I11
TEST_F(Trace, WhatHasNoRoomIsCounted) {
    constexpr std::uint64_t kRoom = 4096;  // of bpf/trace_sockets.bpf.c
    constexpr std::uint64_t kNames = 5000;
    Caller caller("weir-names", [] {
        for (std::uint64_t i = 0; i < kNames; i++) {
            ::prctl(PR_SET_NAME, ("name-" + std::to_string(i)).c_str());
            new_socket(AF_UNIX, SOCK_STREAM);
        }
    });
    const auto trace = start_trace(caller, {"--json", "--interval", "1m"});
    caller.begin();
    EXPECT_TRUE(caller.wait());
    const auto done = trace->wait();
    EXPECT_EQ(done.status, 0) << done.err;
    auto told = documents_of(done.out).back();
    EXPECT_EQ(told["rows"].size(), kRoom);
    EXPECT_EQ(calls_of(told, caller.pid())["socket"], kRoom);
    EXPECT_EQ(told["missing"]["no_room_to_count"], kNames - kRoom);
}

}  // namespace
}  // namespace weir::test
