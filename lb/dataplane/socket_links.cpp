#include "lb/dataplane/socket_links.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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

std::vector<std::filesystem::path> pins_in(const std::filesystem::path &folder) {
    std::vector<std::filesystem::path> pins;
    std::error_code ignored;
    for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
        pins.push_back(entry.path());
    return pins;
}

}  // namespace

bool SocketLinks::any() const {
    return !pins_in(folder_).empty();
}

Result<void> SocketLinks::attach(const Cgroup &cgroup, const std::vector<SocketProgram> &programs) {
    done_.clear();
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error)
        return fail(Exit::refused, fmt::format("cannot make the folder {}: {}", folder_.string(),
                                               error.message()));
    const Fd netns(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    const Place here{netns.get(), inode_of(netns.get()), "this network namespace"};
    const Place there{cgroup.folder.get(), cgroup.id, "the cgroup " + cgroup.path};
    for (const SocketProgram &program : programs)
        if (auto put = this->put(program.of_netns ? here : there, program); !put) {
            undo();
            return put;
        }
    remove_others(programs);
    return {};
}

// A link whose cgroup was removed has none, and stays without.
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

void SocketLinks::remove_others(const std::vector<SocketProgram> &programs) {
    for (const auto &pin : pins_in(folder_)) {
        const bool wanted = std::any_of(programs.begin(), programs.end(), [&](const auto &one) {
            return pin.filename() == one.name;
        });
        if (wanted)
            continue;
        std::error_code ignored;
        done_.push_back({pin, Fd(bpf_obj_get(pin.c_str())), {}});
        std::filesystem::remove(pin, ignored);
    }
}

void SocketLinks::undo() {
    std::error_code ignored;
    for (const Step &step : done_) {
        if (step.old_program) {
            bpf_link_update(step.link.get(), step.old_program.get(), nullptr);
            continue;
        }
        std::filesystem::remove(step.pin, ignored);
        if (step.link)
            bpf_obj_pin(step.link.get(), step.pin.c_str());
    }
    done_.clear();
    std::filesystem::remove(folder_, ignored);  // fails, as it should, while anything is in it
}

void SocketLinks::detach() {
    done_.clear();
    std::error_code ignored;
    for (const auto &pin : pins_in(folder_))
        std::filesystem::remove(pin, ignored);
    std::filesystem::remove(folder_, ignored);
}

}  // namespace weir
