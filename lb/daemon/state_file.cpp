#include "lb/daemon/state_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "lb/config/config.h"
#include "lb/dataplane/fd.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

constexpr unsigned kVersion = 1;
constexpr off_t kMostBytes = 256 << 20;  // two overrides for each backend that there can be

tl::unexpected<Error> bad(std::string why) {
    return fail(Exit::failed, std::move(why));
}

const Json *find(const Json &object, const char *key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

Result<void> parse_weight(const Json *value, Override &target) {
    if (value == nullptr || value->is_null())
        return {};
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > kHighestWeight)
        return bad(fmt::format("its weight is not 0..{}", kHighestWeight));
    target.weight = static_cast<std::uint32_t>(value->get<std::uint64_t>());
    return {};
}

Result<void> parse_override(const Json &entry, Overrides &overrides) {
    if (!entry.is_object())
        return bad("it is not an object");
    const auto text = [&](const char *key) {
        const auto *value = find(entry, key);
        return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
    };
    const auto service = text("service");
    const auto endpoint = Endpoint::parse(text("backend"));
    const auto admin = parse_admin(text("admin"));
    if (service.empty() || !endpoint || !admin)
        return bad("its service, backend or admin is missing or wrong");
    Override change{*admin};
    if (auto parsed = parse_weight(find(entry, "weight"), change); !parsed)
        return parsed;
    if (!change.empty() && !overrides.emplace(BackendKey{service, *endpoint}, change).second)
        return bad("there is another one for its backend");
    return {};
}

std::string reason(int error) {
    return std::strerror(error);
}

Result<std::string> read_whole(const Fd &file) {
    struct stat seen {};
    if (::fstat(file.get(), &seen) != 0)
        return bad(reason(errno));
    if (!S_ISREG(seen.st_mode))
        return bad("it is no regular file");
    if (seen.st_size > kMostBytes)
        return bad(fmt::format("it is larger than {} MiB", kMostBytes >> 20));
    std::string text;
    std::array<char, 65536> block{};
    ssize_t got = 0;
    while ((got = ::read(file.get(), block.data(), block.size())) > 0 &&
           text.size() <= static_cast<std::size_t>(kMostBytes))
        text.append(block.data(), static_cast<std::size_t>(got));
    return got < 0 ? Result<std::string>(bad(reason(errno))) : text;
}

Result<void> refuse(const std::filesystem::path &path, const char *what, int error) {
    return fail(Exit::refused,
                fmt::format("{}: cannot {}: {}", path.string(), what, reason(error)));
}

Result<void> write_whole(const Fd &file, std::string_view text, const std::filesystem::path &path) {
    while (!text.empty()) {
        const auto written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno != EINTR)
            return refuse(path, "write it", errno);
        text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
    }
    // what the disk does not take now, rename() must not put in the place of what is good
    if (::fsync(file.get()) != 0)
        return refuse(path, "write it", errno);
    return {};
}

Result<void> make_folder(const std::filesystem::path &folder) {
    // the mode is set again, because the umask takes bits from the first one
    if (::mkdir(folder.c_str(), 0755) == 0)
        return ::chmod(folder.c_str(), 0755) == 0 ? Result<void>()
                                                  : refuse(folder, "set its mode", errno);
    // a disk that cannot be written to may say so even of a folder that is there
    const int error = errno;
    struct stat seen {};
    return ::stat(folder.c_str(), &seen) == 0 ? Result<void>()
                                              : refuse(folder, "make the folder", error);
}

// A file that is there until it is renamed, and then is not.
class Draft {
  public:
    explicit Draft(std::filesystem::path path) : path_(std::move(path)) {}
    ~Draft() {
        if (!renamed_)
            ::unlink(path_.c_str());
    }
    Draft(const Draft &) = delete;
    Draft &operator=(const Draft &) = delete;
    Draft(Draft &&) = delete;
    Draft &operator=(Draft &&) = delete;

    Result<void> write(std::string_view text) const {
        ::unlink(path_.c_str());  // left behind by a crash
        const Fd file(
            ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        return file ? write_whole(file, text, path_) : refuse(path_, "make it", errno);
    }
    Result<void> rename_to(const std::filesystem::path &target) {
        renamed_ = ::rename(path_.c_str(), target.c_str()) == 0;
        return renamed_ ? Result<void>() : refuse(target, "replace it", errno);
    }

  private:
    std::filesystem::path path_;
    bool renamed_ = false;
};

// So that a rename is on the disk.
Result<void> sync_folder(const std::filesystem::path &folder) {
    const Fd file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!file || ::fsync(file.get()) != 0)
        return refuse(folder, "write the folder", errno);
    return {};
}

}  // namespace

std::string print_overrides(const Overrides &overrides) {
    auto list = Json::array();
    for (const auto &[key, change] : overrides)
        list.push_back({{"service", key.service},
                        {"backend", key.endpoint.to_string()},
                        {"admin", to_string(change.admin)},
                        {"weight", change.weight ? Json(*change.weight) : Json(nullptr)}});
    const Json document = {{"version", kVersion}, {"overrides", std::move(list)}};
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Overrides> parse_overrides(std::string_view text) {
    const auto document = Json::parse(text, nullptr, false);
    if (!document.is_object())
        return bad("it is no JSON object");
    const auto *version = find(document, "version");
    if (version == nullptr || *version != kVersion)
        return bad(fmt::format("its version is not {}", kVersion));
    const auto *list = find(document, "overrides");
    if (list == nullptr || !list->is_array())
        return bad("it has no list of overrides");
    Overrides overrides;
    for (std::size_t i = 0; i < list->size(); i++)
        if (auto parsed = parse_override((*list)[i], overrides); !parsed)
            return bad(fmt::format("override {}: {}", i + 1, parsed.error().message));
    return overrides;
}

StateFile::Loaded StateFile::load() const {
    const Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file && (errno == ENOENT || errno == ENOTDIR))
        return {};
    const auto text = file ? read_whole(file) : Result<std::string>(bad(reason(errno)));
    auto overrides = text.and_then(parse_overrides);
    if (overrides)
        return {std::move(*overrides), ""};
    return {{}, set_aside(overrides.error().message)};
}

std::string StateFile::set_aside(const std::string &why) const {
    const auto name = path_.string() + ".bad";
    const bool done = ::rename(path_.c_str(), name.c_str()) == 0;
    const auto kept = done ? fmt::format("it is kept as {}", name)
                           : fmt::format(
                                 "and cannot be renamed to {} ({}): move it away before a "
                                 "change replaces it",
                                 name, reason(errno));
    return fmt::format(
        "{}: the state file cannot be used: {}; {}. Weir runs without the overrides it held: set "
        "them again (weir backend)",
        path_.string(), why, kept);
}

Result<void> StateFile::save(const Overrides &overrides) const {
    const auto folder = path_.parent_path();
    Draft draft(path_.string() + ".tmp");
    return make_folder(folder)
        .and_then([&] { return draft.write(print_overrides(overrides)); })
        .and_then([&] { return draft.rename_to(path_); })
        .and_then([&] { return sync_folder(folder); });
}

std::string StateFile::keep(const Overrides &overrides) const {
    const auto saved = save(overrides);
    if (saved)
        return "";
    auto warning = fmt::format(
        "the change is in force, but a restart of the daemon will undo it: {}; make room or the "
        "folder writable, and repeat the change",
        saved.error().message);
    spdlog::error("{}", warning);
    return warning;
}

}  // namespace weir
