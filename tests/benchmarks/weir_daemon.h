// The forwarders that benchmarks compare, set up in a namespace.
#pragma once

#include <string>
#include <vector>

#include "tests/support/netns.h"
#include "tests/support/process.h"
#include "tests/support/temp.h"

namespace weir::test {

// `weir run` in a namespace, ready; with its owner it goes off the interfaces and unpins. Several
// live side by side, each of another instance. After enter_mount_sandbox().
class WeirDaemon {
  public:
    // `configuration` without what belongs to an instance. Throws with what the daemon said.
    WeirDaemon(const Netns &host, const std::string &instance, const std::string &configuration);
    ~WeirDaemon();
    WeirDaemon(const WeirDaemon &) = delete;
    WeirDaemon &operator=(const WeirDaemon &) = delete;
    WeirDaemon(WeirDaemon &&) = delete;
    WeirDaemon &operator=(WeirDaemon &&) = delete;

    // What `weir ARGUMENTS --socket ...` prints. Throws when it fails.
    std::string ask(std::vector<std::string> arguments) const;

  private:
    const Netns *host_;
    std::string instance_;
    TempDir folder_;
    Process process_;
};

// Rules of nftables in a namespace, with which they go. Throws with what nft said.
void nftables(const Netns &host, const std::string &rules);

}  // namespace weir::test
