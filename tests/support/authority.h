// A certificate authority of the test's own, by OpenSSL's command.
#pragma once

#include <string>

#include "tests/support/temp.h"

namespace weir::test {

// Two files in PEM form.
struct Certified {
    std::string certificate;
    std::string key;
};

// What a certificate says.
struct Wanted {
    std::string subject = "/CN=ops";
    std::string purpose = "clientAuth";  // extendedKeyUsage; empty: without one
    std::string names{};                 // subjectAltName: "IP:192.0.2.1,DNS:lb.example"
    int days = 2;                        // from now on; negative: until that many days ago
};

class Authority {
  public:
    // Throws std::runtime_error when openssl fails, as sign() does.
    Authority();

    std::string certificate() const { return path("ca.pem"); }
    // A new key and its certificate, as NAME.key and NAME.pem in the authority's folder.
    Certified sign(const std::string &name, const Wanted &wanted = {}) const;
    // For a server with these names.
    Certified sign_server(const std::string &name, const std::string &names) const {
        return sign(name, {"/CN=weir", "serverAuth", names});
    }
    std::string path(const std::string &name) const { return (folder_.path() / name).string(); }
    const TempDir &folder() const { return folder_; }

  private:
    TempDir folder_;
};

}  // namespace weir::test
