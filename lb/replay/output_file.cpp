#include "lb/replay/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lb/dataplane/fd.h"

namespace weir {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kMode = 0666;  // less the umask

tl::unexpected<Error> write_error(const std::string &path, int error) {
    return fail(Exit::refused, fmt::format("{}: cannot write: {}", path, std::strerror(error)));
}

fs::path directory_of(const fs::path &path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// What renaming must not replace: a device, a pipe, a socket.
bool is_special(const fs::path &path) {
    std::error_code ignored;
    const fs::file_status status = fs::status(path, ignored);
    return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

}  // namespace

void StreamCloser::operator()(std::FILE *stream) const {
    if (stream != stdin && stream != stdout)
        static_cast<void>(std::fclose(stream));
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::move(other.temporary_)),
      named_(std::exchange(other.named_, false)),
      stream_(std::move(other.stream_)) {}

OutputFile &OutputFile::operator=(OutputFile &&other) noexcept {
    if (this != &other) {
        discard();
        path_ = std::move(other.path_);
        target_ = std::move(other.target_);
        temporary_ = std::move(other.temporary_);
        named_ = std::exchange(other.named_, false);
        stream_ = std::move(other.stream_);
    }
    return *this;
}

OutputFile::~OutputFile() {
    discard();
}

void OutputFile::discard() {
    if (named_)
        unlink(temporary_.c_str());
    named_ = false;
}

Result<OutputFile> OutputFile::create(const std::string &path) {
    OutputFile file;
    file.path_ = path;
    if (path == "-") {
        file.stream_.reset(stdout);
        return file;
    }
    Fd fd;
    if (is_special(path)) {
        fd = Fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    } else if (std::error_code ignored; fs::is_directory(path, ignored)) {
        errno = EISDIR;
    } else {
        // through a symbolic link, so that the link stays one
        const fs::path real = fs::canonical(path, ignored);
        file.target_ = real.empty() ? fs::path(path) : real;
        file.temporary_ = fmt::format("{}.{}.tmp", file.target_.string(), getpid());
        fd = Fd(open(directory_of(file.target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode));
        if (!fd && (errno == EOPNOTSUPP || errno == EISDIR)) {  // not every file system has it
            fd = Fd(open(file.temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, kMode));
            file.named_ = static_cast<bool>(fd);
        }
    }
    if (!fd)
        return fail(Exit::usage, fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
    file.stream_.reset(fdopen(fd.get(), "wb"));
    if (!file.stream_)
        return write_error(path, errno);
    static_cast<void>(fd.release());
    return file;
}

Result<void> OutputFile::place() {
    if (target_.empty())
        return {};
    if (!named_) {
        const std::string unnamed = fmt::format("/proc/self/fd/{}", fileno(stream_.get()));
        if (linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW) != 0)
            return write_error(path_, errno);
        named_ = true;
    }
    if (rename(temporary_.c_str(), target_.c_str()) != 0)
        return write_error(path_, errno);
    named_ = false;
    return {};
}

Result<void> OutputFile::commit() {
    if (std::fflush(stream_.get()) != 0 || std::ferror(stream_.get()) != 0)
        return write_error(path_, errno);
    auto placed = place();
    stream_.reset();
    return placed;
}

bool same_file(const std::string &one, const std::string &other) {
    if (is_special(one))
        return false;
    std::error_code ignored;
    return fs::equivalent(one, other, ignored) ||
           fs::weakly_canonical(one, ignored) == fs::weakly_canonical(other, ignored);
}

}  // namespace weir
