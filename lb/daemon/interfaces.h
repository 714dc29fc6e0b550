// The interfaces of an instance while it runs: they come, go, and lose what was put on them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/attach.h"
#include "lb/dataplane/objects.h"
#include "lb/result.h"
#include "lb/stats/notices.h"

namespace weir {

class Interfaces {
  public:
    // `notices` outlives it.
    explicit Interfaces(Notices &notices) : notices_(&notices) {}

    // In the order of the configuration, with those that are absent or refuse.
    const std::vector<AttachedInterface> &list() const { return list_; }

    // Attaches to all that are there. All or nothing; `own` as in attach.h.
    Result<void> attach(Objects &objects, const Config &config, const OwnPrograms &own,
                        TcPlace place = TcPlace::usual);
    // Puts TC in the usual place, if it is in front of that.
    Result<void> take_place(Objects &objects, const OwnPrograms &own) const;
    // Takes the programs off every other interface.
    Result<void> leave_others(Objects &objects, const OwnPrograms &own) const;

    // Attaches to those that have come, and puts back what was taken off. Each change is one
    // notice. True if there was one.
    bool look_after(Objects &objects, const Config &config);

  private:
    bool look_after_one(Objects &objects, const InterfaceConfig &wanted, const std::string &file,
                        AttachedInterface &is);
    static void let_go(Objects &objects, const AttachedInterface &gone);
    bool attach_again(Objects &objects, const InterfaceConfig &wanted, const std::string &file,
                      AttachedInterface &is);
    void note_mtu(const std::string &name);
    void note_change(LogLevel severity, const std::string &name, const std::string &what);

    Notices *notices_;
    std::vector<AttachedInterface> list_;
    std::map<std::string, unsigned> mtus_;
};

}  // namespace weir
