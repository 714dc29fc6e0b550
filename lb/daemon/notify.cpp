#include "lb/daemon/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "lb/dataplane/fd.h"

namespace weir {

void notify_service_manager(std::string_view state) {
    const char *variable = std::getenv("NOTIFY_SOCKET");
    const std::string path = variable == nullptr ? "" : variable;
    sockaddr_un to{};
    if (path.empty() || path.size() >= sizeof to.sun_path)
        return;
    to.sun_family = AF_UNIX;
    path.copy(to.sun_path, path.size());
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';  // an abstract socket
    const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
             reinterpret_cast<const sockaddr *>(&to),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
}

}  // namespace weir
