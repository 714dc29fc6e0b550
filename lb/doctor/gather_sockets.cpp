// The facts of the socket path.
#include <linux/magic.h>
#include <sys/vfs.h>

#include "lb/dataplane/cgroup.h"
#include "lb/dataplane/socket_diag.h"
#include "lb/doctor/gather.h"

namespace weir {

void gather_sockets(const Config &config, HostFacts &facts) {
    if (!config.sockets)
        return;
    SocketFacts seen;
    seen.cgroup_mount = cgroup_mount();
    struct statfs found {};
    seen.cgroup_v1 = statfs("/sys/fs/cgroup", &found) == 0 && found.f_type == TMPFS_MAGIC;
    if (!seen.cgroup_mount.empty()) {
        const auto cgroup = Cgroup::open(config.sockets->cgroup);
        seen.cgroup = cgroup ? cgroup->path : config.sockets->cgroup;
        seen.exists = cgroup && cgroup->exists();
        seen.trouble = cgroup ? "" : cgroup.error().message;
    }
    if (const auto ends = can_end_sockets())
        seen.ends_sockets = *ends;
    facts.socket_path = std::move(seen);
}

}  // namespace weir
