// One end of the connections that weir_socket_stream makes: every byte that it sends can be told
// from all others.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lb/dataplane/fd.h"

namespace weir::test {

// What the arguments say (socket_stream.cpp).
struct Job {
    bool listens = false;
    std::string where, kind;
    std::uint64_t bytes = 0;
    std::map<std::string, std::uint64_t> keys{
        {"write", 65536}, {"read", 65536}, {"connections", 1}, {"check", 1}};

    std::uint64_t key(const std::string &name) const {
        const auto found = keys.find(name);
        return found == keys.end() ? 0 : found->second;
    }
};

class Stream {
  public:
    Stream(Fd socket, const Job &job);

    // Whether it wrote anything; not where it would have to wait, unless it does not block. The
    // last byte ends the direction.
    bool write_some();
    bool sent_all() const { return sent_ == job_.bytes; }
    std::uint64_t sent() const { return sent_; }

    // False where there is nothing yet.
    bool read_some();
    bool ended() const { return ended_; }
    std::uint64_t received() const { return received_; }

    void send_number(std::uint64_t number);
    std::uint64_t read_number();
    // One byte, and whether there was one.
    void put_byte();
    bool get_byte();
    void wait(int events);

  private:
    void say_options() const;

    Fd socket_;
    const Job &job_;
    bool blocks_;
    bool ended_ = false;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::vector<char> out_, in_, expected_;
    const char *begin_ = nullptr;  // of out_: what is not sent yet
    const char *end_ = nullptr;
};

Fd listen(const Job &job);
Fd accept(const Fd &listener, bool blocks);
Fd connect(const Job &job);

}  // namespace weir::test
