// The state file: what operators changed at run time, kept across restarts.
//     {"version": 1, "overrides": [{"service": "web", "backend": "198.51.100.11:8443",
//                                   "admin": "drain", "weight": null}]}
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "lb/model/overrides.h"
#include "lb/result.h"

namespace weir {

// The file's text, and back. Keys that this version does not know are passed over; anything else
// that is wrong is an error, of one line.
std::string print_overrides(const Overrides &overrides);
Result<Overrides> parse_overrides(std::string_view text);

class StateFile {
  public:
    explicit StateFile(std::filesystem::path path) : path_(std::move(path)) {}

    struct Loaded {
        Overrides overrides;
        std::string warning;  // why there are none although there is a file; one line, or nothing
    };
    // A file that cannot be understood is renamed to NAME.bad, in place of an older one, and is
    // not written over: the daemon starts without overrides rather than not at all.
    Loaded load() const;

    // The whole of the new file or the whole of the old one is there after a crash at any moment.
    // Mode 0600; makes the folder, 0755, but none above it. Exit::refused.
    Result<void> save(const Overrides &overrides) const;
    // The same for changes that are in force whether they can be kept or not: logs what went wrong
    // and returns it, with what it means, as one line; or nothing.
    std::string keep(const Overrides &overrides) const;

  private:
    std::string set_aside(const std::string &why) const;

    std::filesystem::path path_;
};

}  // namespace weir
