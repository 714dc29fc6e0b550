// Attaching the programs to interfaces: XDP through libxdp, TC on a clsact qdisc.
//
// `own` are the programs of the instance: those of the objects, and of tables that they replace.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/objects.h"
#include "lb/dataplane/program_ids.h"
#include "lb/dataplane/tc_link.h"
#include "lb/result.h"

namespace weir {

// Attaches TC ingress and egress to an interface, and XDP before them where the hook says so,
// replacing what an earlier daemon of this instance left there. After an error a part of it may be
// there. An interface that does not exist is no error: it is absent. `place` front: TC goes in
// front of what is there of `own`, if anything is.
Result<AttachedInterface> attach_one(Objects &objects, const InterfaceConfig &wanted,
                                     const std::string &config_file, const OwnPrograms &own,
                                     TcPlace place = TcPlace::usual);

// The same for all of them. All or nothing: after an error what stood there before is there again.
Result<std::vector<AttachedInterface>> attach_all(Objects &objects,
                                                  const std::vector<InterfaceConfig> &interfaces,
                                                  const std::string &config_file,
                                                  const OwnPrograms &own,
                                                  TcPlace place = TcPlace::usual);

// Puts TC in the usual place, and nowhere else.
Result<void> attach_tc(Objects &objects, const AttachedInterface &to, const OwnPrograms &own,
                       TcPlace place = TcPlace::usual);

// Whether what attach_one() put on an interface is still there.
bool is_whole(const Objects &objects, const AttachedInterface &attached);

// Whether any interface of this network namespace has a program that uses these tables.
bool is_attached_anywhere(const Objects &objects);

// Takes the programs off every interface of this network namespace, those in `keep` excepted; a
// clsact qdisc that holds nothing else goes too. Returns the interfaces' names.
Result<std::vector<std::string>> detach_all(const OwnPrograms &own,
                                            const std::vector<AttachedInterface> &keep = {});

}  // namespace weir
