#include "lb/api/listen.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <cstring>

namespace weir {
namespace {

using boost::system::error_code;
namespace asio = boost::asio;
namespace fs = std::filesystem;

tl::unexpected<Error> refuse(const std::string &key, const std::string &where,
                             const std::string &what, const char *remedy = "") {
    return fail(Exit::refused,
                fmt::format("{}: cannot listen on {}: {}{}", key, where, what, remedy));
}

// Opens and binds; does not listen yet.
error_code bind_to(Acceptor &acceptor, const StreamProtocol::endpoint &endpoint) {
    error_code error;
    acceptor.open(endpoint.protocol(), error);
    if (!error)
        acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error)
        acceptor.bind(endpoint, error);
    return error;
}

asio::ip::tcp::endpoint to_asio(const Endpoint &endpoint) {
    if (endpoint.address.is_v4()) {
        const auto &bytes = endpoint.address.bytes();
        return {asio::ip::address_v4({bytes[12], bytes[13], bytes[14], bytes[15]}), endpoint.port};
    }
    return {asio::ip::address_v6(endpoint.address.bytes()), endpoint.port};
}

bool somebody_listens(const fs::path &path) {
    asio::io_context loop;
    asio::local::stream_protocol::socket socket(loop);
    error_code error;
    socket.connect(path.string(), error);
    return error != asio::error::connection_refused;
}

// -1, which leaves a file's group alone, where none is named.
Result<gid_t> find_group(const SocketGroup &group) {
    constexpr std::size_t kMostBytes = 1 << 20;
    if (group.name.empty())
        return static_cast<gid_t>(-1);
    struct group entry {};
    struct group *found = nullptr;
    std::vector<char> text(1024);
    int failed = ERANGE;
    while ((failed = ::getgrnam_r(group.name.c_str(), &entry, text.data(), text.size(), &found)) ==
               ERANGE &&
           text.size() < kMostBytes)  // a group of many members
        text.resize(2 * text.size());
    if (found != nullptr)
        return entry.gr_gid;
    // what getgrnam(3) gives for a name that is not there, on one system or another
    const bool unknown =
        failed == 0 || failed == ENOENT || failed == ESRCH || failed == EBADF || failed == EPERM;
    if (unknown)
        return fail(Exit::refused,
                    fmt::format("{}: there is no group '{}' (groupadd --system {} makes it)",
                                group.key, group.name, group.name));
    return fail(Exit::refused, fmt::format("{}: cannot look up group '{}': {}", group.key,
                                           group.name, std::strerror(failed)));
}

}  // namespace

Result<Acceptor> listen_tcp(asio::io_context &loop, const Endpoint &endpoint,
                            const std::string &key) {
    Acceptor acceptor(loop);
    auto error = bind_to(acceptor, to_asio(endpoint));
    if (!error)
        acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error == asio::error::address_in_use)
        return refuse(key, endpoint.to_string(), error.message(), " (ss -ltnp shows by whom)");
    if (error)
        return refuse(key, endpoint.to_string(), error.message());
    return acceptor;
}

SocketFile::SocketFile(SocketFile &&other) noexcept
    : path_(std::move(other.path_)),
      identity_(std::exchange(other.identity_, std::nullopt)),
      made_(std::exchange(other.made_, {})) {}

SocketFile &SocketFile::operator=(SocketFile &&other) noexcept {
    if (this != &other) {
        remove();
        path_ = std::move(other.path_);
        identity_ = std::exchange(other.identity_, std::nullopt);
        made_ = std::exchange(other.made_, {});
    }
    return *this;
}

Result<void> SocketFile::make_parents() {
    std::vector<fs::path> missing;
    std::error_code ignored;
    for (auto folder = path_.parent_path(); !folder.empty() && !fs::exists(folder, ignored);
         folder = folder.parent_path())
        missing.insert(missing.begin(), folder);
    for (const auto &folder : missing) {
        if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST)
            return fail(Exit::refused, fmt::format("cannot make the folder {}: {}", folder.string(),
                                                   std::strerror(errno)));
        made_.insert(made_.begin(), folder);
    }
    return {};
}

Result<void> SocketFile::make_way() const {
    struct stat seen {};
    if (::lstat(path_.c_str(), &seen) != 0)
        return {};
    if (!S_ISSOCK(seen.st_mode))
        return fail(Exit::refused, "there is a file of that name, and it is no socket");
    if (somebody_listens(path_))
        return fail(Exit::refused, "another daemon answers there");
    if (::unlink(path_.c_str()) != 0)
        return fail(Exit::refused,
                    fmt::format("cannot remove the old socket: {}", std::strerror(errno)));
    return {};
}

void SocketFile::claim() {
    struct stat seen {};
    if (::lstat(path_.c_str(), &seen) == 0)
        identity_ = {seen.st_dev, seen.st_ino};
}

void SocketFile::remove() noexcept {
    struct stat seen {};
    if (identity_ && ::lstat(path_.c_str(), &seen) == 0 &&
        *identity_ == std::pair<unsigned long, unsigned long>(seen.st_dev, seen.st_ino))
        ::unlink(path_.c_str());
    identity_.reset();
    for (const auto &folder : made_)
        ::rmdir(folder.c_str());  // refuses when it is not empty, as it should
    made_.clear();
}

Result<UnixListener> listen_unix(asio::io_context &loop, const std::string &path,
                                 const std::string &key, const SocketGroup &group) {
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return refuse(key, path,
                      fmt::format("a socket's path has at most {} characters",
                                  sizeof(sockaddr_un::sun_path) - 1));
    const auto gid = find_group(group);
    if (!gid)
        return tl::make_unexpected(gid.error());
    UnixListener listener{SocketFile(path), Acceptor(loop)};
    if (auto ready = listener.file.make_parents(); !ready)
        return refuse(key, path, ready.error().message);
    if (auto ready = listener.file.make_way(); !ready)
        return refuse(key, path, ready.error().message);
    auto error = bind_to(listener.acceptor, asio::local::stream_protocol::endpoint(path));
    if (error)
        return refuse(key, path, error.message());
    listener.file.claim();
    // nobody can connect before listen(), so group and mode are right from the first moment on
    if (::chown(path.c_str(), static_cast<uid_t>(-1), *gid) != 0)
        return fail(Exit::refused, fmt::format("{}: cannot give {} to group '{}': {}", group.key,
                                               path, group.name, std::strerror(errno)));
    if (::chmod(path.c_str(), 0660) != 0)
        return refuse(key, path, std::strerror(errno));
    listener.acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
        return refuse(key, path, error.message());
    return listener;
}

}  // namespace weir
