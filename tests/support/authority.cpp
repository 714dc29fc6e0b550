#include "tests/support/authority.h"

#include <stdexcept>
#include <vector>

#include "tests/support/process.h"

namespace weir::test {
namespace {

const std::vector<std::string> kNewKey{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                       "-noenc"};

void openssl(std::vector<std::string> arguments, const std::vector<std::string> &more) {
    arguments.insert(arguments.begin(), "openssl");
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = run(arguments);
    if (result.status != 0)
        throw std::runtime_error(result.err);
}

}  // namespace

Authority::Authority() {
    openssl({"req", "-x509", "-keyout", path("ca.key"), "-out", certificate(), "-days", "2",
             "-subj", "/CN=Test authority"},
            kNewKey);
}

Certified Authority::sign(const std::string &name, const Wanted &wanted) const {
    Certified made{path(name + ".pem"), path(name + ".key")};
    std::vector<std::string> request{"req",   "-keyout",     made.key, "-out", path(name + ".csr"),
                                     "-subj", wanted.subject};
    if (!wanted.purpose.empty())
        request.insert(request.end(), {"-addext", "extendedKeyUsage=" + wanted.purpose});
    if (!wanted.names.empty())
        request.insert(request.end(), {"-addext", "subjectAltName=" + wanted.names});
    openssl(request, kNewKey);
    openssl({"x509", "-req", "-in", path(name + ".csr"), "-CA", certificate(), "-CAkey",
             path("ca.key"), "-CAcreateserial", "-copy_extensions", "copyall", "-days",
             std::to_string(wanted.days), "-out", made.certificate},
            {});
    return made;
}

}  // namespace weir::test
