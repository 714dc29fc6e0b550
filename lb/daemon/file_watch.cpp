#include "lb/daemon/file_watch.h"

#include <fmt/format.h>
#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "lb/dataplane/fd.h"

namespace weir {

namespace {

// An editor that writes in pieces is left to finish.
constexpr std::chrono::milliseconds kRest{200};
// As many as the kernel follows.
constexpr int kMostLinks = 40;

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO | IN_MOVED_FROM |
                                  IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;

std::optional<std::string> read(const std::string &file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

}  // namespace

std::vector<std::filesystem::path> folders_of(const std::filesystem::path &file) {
    std::vector<std::filesystem::path> folders;
    std::error_code error;
    auto rest = std::filesystem::absolute(file, error);
    // component by component; a link puts what it names in its own place
    std::filesystem::path reached;
    for (int links = 0; !rest.empty() && links <= kMostLinks;) {
        const auto first = *rest.begin();
        std::filesystem::path others;
        for (auto part = std::next(rest.begin()); part != rest.end(); ++part)
            others /= *part;
        const auto next = reached / first;
        const bool is_link = std::filesystem::is_symlink(next, error);
        if ((is_link || others.empty()) &&
            std::find(folders.begin(), folders.end(), reached) == folders.end())
            folders.push_back(reached);
        if (!is_link) {
            reached = next.lexically_normal();
            rest = others;
            continue;
        }
        links++;
        const auto target = std::filesystem::read_symlink(next, error);
        rest = others.empty() ? target : target / others;
        if (target.is_absolute())
            reached.clear();
    }
    return folders;
}

Result<std::shared_ptr<FileWatch>> FileWatch::open(boost::asio::io_context &loop, std::string file,
                                                   const std::string &last_read,
                                                   std::function<void()> changed) {
    Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!inotify)
        return fail(Exit::refused, fmt::format("cannot watch {}: {} (fs.inotify.max_user_instances "
                                               "is how many watches a user has)",
                                               file, std::strerror(errno)));
    std::shared_ptr<FileWatch> watch(
        new FileWatch(loop, inotify.release(), std::move(file), last_read, std::move(changed)));
    watch->watch_folders();
    watch->wait_for_event();
    // it may have changed since it was read
    watch->wait_for_rest();
    return watch;
}

FileWatch::FileWatch(boost::asio::io_context &loop, int inotify, std::string file,
                     const std::string &last_read, std::function<void()> changed)
    : inotify_(loop, inotify),
      timer_(loop),
      file_(std::move(file)),
      last_read_(last_read),
      changed_(std::move(changed)) {}

// Again after every event: a swapped link leads elsewhere. Folders that are watched stay so.
void FileWatch::watch_folders() {
    for (const auto &folder : folders_of(file_))
        ::inotify_add_watch(inotify_.native_handle(), folder.c_str(), kEvents);
}

void FileWatch::wait_for_event() {
    inotify_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                        [weak = weak_from_this()](const boost::system::error_code &error) {
                            const auto self = weak.lock();
                            if (error || !self)
                                return;
                            self->drain();
                            self->watch_folders();
                            self->wait_for_rest();
                            self->wait_for_event();
                        });
}

// Starting anew ends the wait that is under way.
void FileWatch::wait_for_rest() {
    timer_.expires_after(kRest);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code &error) {
        const auto self = weak.lock();
        if (error || !self)
            return;
        const auto now = read(self->file_);
        if (now && *now != self->last_read_)
            self->changed_();
    });
}

void FileWatch::drain() {
    std::array<char, 4096> events{};
    ssize_t got = 0;
    do
        got = ::read(inotify_.native_handle(), events.data(), events.size());
    while (got > 0 || (got < 0 && errno == EINTR));
}

}  // namespace weir
