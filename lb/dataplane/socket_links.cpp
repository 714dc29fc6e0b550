#include "lb/dataplane/socket_links.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <optional>
#include <system_error>

#include "lb/dataplane/program_ids.h"

namespace weir {

namespace {

std::optional<bpf_link_info> info_of(int link) {
    bpf_link_info info{};
    std::uint32_t length = sizeof info;
    return bpf_obj_get_info_by_fd(link, &info, &length) == 0 ? std::optional(info) : std::nullopt;
}

tl::unexpected<Error> link_error(const std::string &place, const SocketProgram &program,
                                 int error) {
    return fail(Exit::refused, fmt::format("cannot attach {} to {}: {}", program.name, place,
                                           std::strerror(error)));
}

std::uint64_t inode_of(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? status.st_ino : 0;
}

tl::unexpected<Error> pin_error(const std::string &what, const std::filesystem::path &pin,
                                const std::error_code &error) {
    return fail(Exit::refused, fmt::format("cannot {} the pin {} of a socket program: {}", what,
                                           pin.filename().string(), error.message()));
}

// None where there is no such folder.
Result<std::vector<std::filesystem::path>> pins_in(const std::filesystem::path &folder) {
    std::vector<std::filesystem::path> pins;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error))
        pins.push_back(entry.path());
    if (error && error != std::errc::no_such_file_or_directory)
        return fail(Exit::refused, fmt::format("cannot list the pins of the socket programs: {}",
                                               error.message()));
    return pins;
}

Result<void> remove_pin(const std::filesystem::path &pin) {
    std::error_code error;
    std::filesystem::remove(pin, error);
    if (error)
        return pin_error("remove", pin, error);
    return {};
}

}  // namespace

Result<std::uint64_t> SocketLinks::cgroup() const {
    return pins_in(folder_).and_then([](const auto &pins) -> Result<std::uint64_t> {
        for (const auto &pin : pins) {
            const Fd link(bpf_obj_get(pin.c_str()));
            if (!link)
                return pin_error("open", pin, {errno, std::generic_category()});
            const auto info = info_of(link.get());
            if (info && info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.cgroup_id != 0)
                return info->cgroup.cgroup_id;
        }
        return std::uint64_t{0};
    });
}

Result<void> SocketLinks::attach(const Cgroup &cgroup, const std::vector<SocketProgram> &all) {
    done_.clear();
    std::vector<SocketProgram> programs;
    std::copy_if(all.begin(), all.end(), std::back_inserter(programs),
                 [&](const auto &one) { return one.of_netns || cgroup.exists(); });
    std::error_code error;
    std::filesystem::create_directory(folder_, error);
    if (error)
        return fail(Exit::refused,
                    fmt::format("cannot make a folder for the socket programs in the bpffs: {}",
                                error.message()));
    const Fd netns(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    const Place here{netns.get(), inode_of(netns.get()), "this network namespace"};
    const Place there{cgroup.folder.get(), cgroup.id, "the cgroup " + cgroup.path};
    for (const SocketProgram &program : programs)
        if (auto put = this->put(program.of_netns ? here : there, program); !put) {
            static_cast<void>(undo());  // what led here is the one to report
            return put;
        }
    auto removed = remove_others(programs);
    if (!removed)
        static_cast<void>(undo());
    return removed;
}

// A link whose cgroup was removed has none, and stays without: another takes its place.
Result<void> SocketLinks::put(const Place &place, const SocketProgram &program) {
    Step step{folder_ / program.name, {}, {}};
    step.link = Fd(bpf_obj_get(step.pin.c_str()));
    const auto info = step.link ? info_of(step.link.get()) : std::nullopt;
    const auto id = info ? program.of_netns ? info->netns.netns_ino : info->cgroup.cgroup_id : 0;
    if (!info || id != place.id)
        return make(place, program, std::move(step));
    if (info->prog_id == program_id_of(program.program))
        return {};
    step.old_program = Fd(bpf_prog_get_fd_by_id(info->prog_id));
    if (!step.old_program || bpf_link_update(step.link.get(), program.program, nullptr) != 0)
        return link_error(place.name, program, errno);
    done_.push_back(std::move(step));
    return {};
}

Result<void> SocketLinks::make(const Place &place, const SocketProgram &program, Step step) {
    const Fd link(bpf_link_create(program.program, place.fd, program.type, nullptr));
    if (!link)
        return link_error(place.name, program, errno);
    // beside the old one first, so that there is one at any time
    const std::filesystem::path fresh = step.pin.string() + "_new";  // the bpffs has no dots
    std::error_code error;
    std::filesystem::remove(fresh, error);
    if (bpf_obj_pin(link.get(), fresh.c_str()) != 0)
        return link_error(place.name, program, errno);
    std::filesystem::rename(fresh, step.pin, error);
    if (error) {
        std::error_code ignored;
        std::filesystem::remove(fresh, ignored);
        return link_error(place.name, program, error.value());
    }
    done_.push_back(std::move(step));
    return {};
}

Result<void> SocketLinks::remove_others(const std::vector<SocketProgram> &programs) {
    const auto pins = pins_in(folder_);
    if (!pins)
        return tl::make_unexpected(pins.error());
    for (const auto &pin : *pins) {
        const bool wanted = std::any_of(programs.begin(), programs.end(), [&](const auto &one) {
            return pin.filename() == one.name;
        });
        if (wanted)
            continue;
        Step step{pin, Fd(bpf_obj_get(pin.c_str())), {}};
        if (auto removed = remove_pin(pin); !removed)
            return removed;
        done_.push_back(std::move(step));
    }
    return {};
}

Result<void> SocketLinks::undo(const Step &step) {
    const auto error = [&] {
        return pin_error("put back", step.pin, {errno, std::generic_category()});
    };
    if (step.old_program) {
        if (bpf_link_update(step.link.get(), step.old_program.get(), nullptr) != 0)
            return error();
        return {};
    }
    auto removed = remove_pin(step.pin);
    if (removed && step.link && bpf_obj_pin(step.link.get(), step.pin.c_str()) != 0)
        return error();
    return removed;
}

Result<void> SocketLinks::undo() {
    Result<void> result;
    for (const Step &step : done_)
        if (auto undone = undo(step); !undone && result)
            result = undone;
    done_.clear();
    std::error_code ignored;
    std::filesystem::remove(folder_, ignored);  // fails, as it should, while anything is in it
    return result;
}

Result<void> SocketLinks::detach() {
    done_.clear();
    const auto pins = pins_in(folder_);
    if (!pins)
        return tl::make_unexpected(pins.error());
    for (const auto &pin : *pins)
        if (auto removed = remove_pin(pin); !removed)
            return removed;
    std::error_code ignored;
    std::filesystem::remove(folder_, ignored);
    return {};
}

}  // namespace weir
