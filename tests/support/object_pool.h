// Loaded programs and maps that the tests of one process use one after another: the verifier takes
// longer than most of these tests, on an emulated machine by far.
#pragma once

#include <cstdint>
#include <vector>

#include "lb/config/config.h"
#include "lb/dataplane/fd.h"
#include "lb/dataplane/objects.h"

namespace weir::test {

// The maps of the TC programs, which are all there are; scratch and read-only data among them.
std::vector<Fd> maps_of(const Objects &objects);

class ObjectPool {
  public:
    // With empty maps, and the limits and the replay's address of the configuration.
    Objects take(const Config &config);
    // Objects to take again, with what their maps hold now.
    void give(const Config &config, Objects objects);

  private:
    struct Kept {
        Limits limits;
        MacAddress mac;
        Objects objects;
    };

    std::vector<Kept> kept_;  // the one given last is last
};

// The one of this process.
ObjectPool &object_pool();

}  // namespace weir::test
