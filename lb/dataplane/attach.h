// Attaching the programs to interfaces: XDP through libxdp, TC on a clsact qdisc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "lb/result.h"

namespace weir {

// Attaches TC ingress and egress to every interface, and XDP before them where the hook says so,
// replacing what an earlier daemon of this instance left there. All or nothing: after an error,
// what this call attached is off again.
Result<std::vector<AttachedInterface>> attach_all(Objects &objects,
                                                  const std::vector<InterfaceConfig> &interfaces,
                                                  const std::string &config_file);

// Takes the programs that use the map with id `flows_map_id` off every interface of this network
// namespace, those in `keep` excepted; a clsact qdisc that holds nothing else goes too. Returns the
// interfaces' names.
Result<std::vector<std::string>> detach_all(std::uint32_t flows_map_id,
                                            const std::vector<AttachedInterface> &keep = {});

}  // namespace weir
