// Two of these programs talk to each other and look at every byte; for tests and benchmarks of
// joined sockets, whose programs have to be processes in a cgroup of their own.
//
//   weir_socket_stream listen|connect ADDRESS:PORT|/PATH KIND BYTES [KEY=VALUE...]
//
// KIND: both: each end sends BYTES while it receives as many; ask: the one that connects sends
// BYTES, ends its direction, and is answered how many there were; echo: they take turns in sending
// a block (`write`) until each has sent BYTES; ping: BYTES rounds of one byte.
// Keys: write and read (bytes at a time), sndbuf and rcvbuf (as setsockopt() has them), pause (ms
// that the one that listens waits before it reads, or answers), blocks (0: never; 1: always;
// 2: once there is a connection), options (1: says on stderr what two setsockopt() gave: kTLS, and
// one that is longer than a page), connections (that the one that listens takes, one after the
// other), check (0: nobody looks at the bytes). A line for each connection: "bytes=N seconds=S", or
// "error=TEXT"; the exit status is 1 where there was an error.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "tests/e2e/stream_end.h"

namespace {

using weir::Fd;
using weir::test::accept;
using weir::test::connect;
using weir::test::Job;
using weir::test::listen;
using weir::test::Stream;
using Clock = std::chrono::steady_clock;

void pause(const Job &job) {
    if (job.listens)
        std::this_thread::sleep_for(std::chrono::milliseconds(job.key("pause")));
}

void read_to_the_end(Stream &stream) {
    while (!stream.ended())
        if (!stream.read_some())
            stream.wait(POLLIN);
}

void exchange(const Job &job, Stream &stream) {
    pause(job);
    while (!stream.ended() || !stream.sent_all()) {
        bool moved = !stream.sent_all() && stream.write_some();
        moved |= !stream.ended() && stream.read_some();
        if (!moved)
            stream.wait((stream.ended() ? 0 : POLLIN) | (stream.sent_all() ? 0 : POLLOUT));
    }
    if (stream.received() != job.bytes)
        throw std::runtime_error("received " + std::to_string(stream.received()));
}

void ask(const Job &job, Stream &stream) {
    if (job.listens) {
        pause(job);
        read_to_the_end(stream);
        pause(job);
        stream.send_number(stream.received());
        return;
    }
    while (!stream.sent_all())
        if (!stream.write_some())
            stream.wait(POLLOUT);
    if (const auto number = stream.read_number(); number != job.bytes)
        throw std::runtime_error("the other end received " + std::to_string(number));
}

// A block, and the same amount back, until each end has sent all of its bytes.
void echo(const Job &job, Stream &stream) {
    const auto send_to = [&](std::uint64_t end) {
        while (stream.sent() < end)
            if (!stream.write_some())
                stream.wait(POLLOUT);
    };
    const auto read_to = [&](std::uint64_t end) {
        while (stream.received() < end && !stream.ended())
            if (!stream.read_some())
                stream.wait(POLLIN);
        if (stream.received() != end)
            throw std::runtime_error("received " + std::to_string(stream.received()));
    };
    for (std::uint64_t end = 0; end < job.bytes;) {
        end = std::min(end + job.key("write"), job.bytes);
        if (!job.listens)
            send_to(end);
        read_to(end);
        if (job.listens)
            send_to(end);
    }
}

void ping(const Job &job, Stream &stream) {
    if (job.listens) {
        while (stream.get_byte())
            stream.put_byte();
        return;
    }
    for (std::uint64_t round = 0; round < job.bytes; ++round) {
        stream.put_byte();
        if (!stream.get_byte())
            throw std::runtime_error("closed");
    }
}

const std::map<std::string, void (*)(const Job &, Stream &)> kKinds{
    {"both", exchange}, {"ask", ask}, {"echo", echo}, {"ping", ping}};

// A byte from the one that listens: it has accepted, and is looked at from here on.
void greet(const Job &job, Stream &stream) {
    if (job.listens)
        stream.put_byte();
    else if (!stream.get_byte())
        throw std::runtime_error("closed");
}

// What a connection says; whether it was as it should.
bool talk(const Job &job, Fd socket) {
    try {
        Stream stream(std::move(socket), job);
        if (job.key("blocks") != 2)
            greet(job, stream);
        const auto begin = Clock::now();
        kKinds.at(job.kind)(job, stream);
        const std::chrono::duration<double> time = Clock::now() - begin;
        std::printf("bytes=%llu seconds=%.9f\n", static_cast<unsigned long long>(job.bytes),
                    time.count());
    } catch (const std::exception &error) {
        std::printf("error=%s\n", error.what());
        std::fflush(stdout);
        return false;
    }
    std::fflush(stdout);
    return true;
}

bool work(const Job &job) {
    if (!job.listens)
        return talk(job, connect(job));
    const Fd listener = listen(job);
    bool good = true;
    for (std::uint64_t taken = 0; taken < job.key("connections"); ++taken)
        good &= talk(job, accept(listener, job.key("blocks") == 1));
    return good;
}

bool parse(int count, char **words, Job &job) {
    if (count < 5)
        return false;
    const std::string role = words[1];
    job.listens = role == "listen";
    job.where = words[2];
    job.kind = words[3];
    job.bytes = std::strtoull(words[4], nullptr, 10);
    for (int i = 5; i < count; ++i) {
        const std::string word = words[i];
        const auto equals = word.find('=');
        if (equals == std::string::npos)
            return false;
        job.keys[word.substr(0, equals)] = std::strtoull(word.c_str() + equals + 1, nullptr, 10);
    }
    return (job.listens || role == "connect") && !job.where.empty() && kKinds.count(job.kind) != 0;
}

}  // namespace

int main(int count, char **words) {
    Job job;
    if (!parse(count, words, job)) {
        std::fprintf(stderr,
                     "usage: %s listen|connect WHERE both|ask|echo|ping BYTES [KEY=VALUE...]\n",
                     words[0]);
        return 2;
    }
    try {
        return work(job) ? 0 : 1;
    } catch (const std::exception &error) {
        std::printf("error=%s\n", error.what());
        return 1;
    }
}
