// Listening sockets, bound before anything is attached, so that a port in use stops the start.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lb/net/address.h"
#include "lb/result.h"

namespace weir {

// TCP and Unix sockets alike.
using StreamProtocol = boost::asio::generic::stream_protocol;
using Acceptor = boost::asio::basic_socket_acceptor<StreamProtocol>;

// `key` is where the address is configured ("FILE:LINE:COL: metrics.listen"), for the message.
// Exit::refused.
Result<Acceptor> listen_tcp(boost::asio::io_context &loop, const Endpoint &endpoint,
                            const std::string &key);

// The file of a listening Unix socket, and the folders made for it: both go with their owner.
class SocketFile {
  public:
    explicit SocketFile(std::filesystem::path path) : path_(std::move(path)) {}
    ~SocketFile() { remove(); }
    SocketFile(SocketFile &&other) noexcept;
    SocketFile &operator=(SocketFile &&other) noexcept;
    SocketFile(const SocketFile &) = delete;
    SocketFile &operator=(const SocketFile &) = delete;

    // Makes missing parent folders, mode 0755. Exit::refused.
    Result<void> make_parents();
    // Refuses a path where somebody listens or that is no socket; removes a socket that was left
    // behind by a process that is gone. Exit::refused.
    Result<void> make_way() const;
    // From now on the file at the path is this owner's.
    void claim();
    // Removes what is still there of its own: no file that took its place.
    void remove() noexcept;
    const std::filesystem::path &path() const { return path_; }

  private:
    std::filesystem::path path_;
    std::optional<std::pair<unsigned long, unsigned long>> identity_;  // device, inode
    std::vector<std::filesystem::path> made_;                          // innermost first
};

struct UnixListener {
    SocketFile file;
    Acceptor acceptor;
};

// The group that may use a Unix socket, by name; empty: that of the process.
struct SocketGroup {
    std::string name;
    std::string key;  // where it is configured: "FILE:LINE:COL: api.group"
};

// Mode 0660: the process's user, and the group. A group that the host does not have is found before
// anything is made. Exit::refused.
Result<UnixListener> listen_unix(boost::asio::io_context &loop, const std::string &path,
                                 const std::string &key, const SocketGroup &group = {});

}  // namespace weir
