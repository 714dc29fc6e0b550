// The notification protocol of systemd, sd_notify(3).
#pragma once

#include <string_view>

namespace weir {

// Sends `state` ("READY=1") to $NOTIFY_SOCKET; does nothing when there is none. A message that
// cannot be sent is lost: the service manager has its own timeout.
void notify_service_manager(std::string_view state);

}  // namespace weir
