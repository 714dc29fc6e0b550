// The files that TLS is made of: what is wrong with one is said in a line.
#include "lb/api/tls.h"

#include <gtest/gtest.h>

#include "tests/support/authority.h"
#include "tests/support/process.h"

namespace weir {
namespace {

class Tls : public testing::Test {
  protected:
    static std::string error_of(const Result<TlsContext> &made) {
        if (made)
            return "none";
        EXPECT_EQ(made.error().exit, Exit::refused);
        EXPECT_EQ(made.error().message.find('\n'), std::string::npos);
        return made.error().message;
    }
    std::string server(const std::string &certificate, const std::string &key,
                       const std::string &authorities) const {
        return error_of(server_tls(
            {{certificate, "f:1:2: crt"}, {key, "f:3:4: key"}, {authorities, "f:5:6: ca"}}));
    }
    std::string server_with(const test::Certified &one) const {
        return server(one.certificate, one.key, ca());
    }
    std::string ca() const { return authority_.certificate(); }

    test::Authority authority_;
    test::Certified good_ = authority_.sign_server("good", "IP:192.0.2.5");
};

TEST_F(Tls, GoodFilesMakeAContext) {
    EXPECT_EQ(server_with(good_), "none");
    EXPECT_EQ(server_with(authority_.sign("any", {"/CN=weir", ""})), "none") << "any purpose";
    const auto ops = authority_.sign("ops");
    EXPECT_EQ(error_of(client_tls({{ops.certificate, "c"}, {ops.key, "k"}, {ca(), "a"}})), "none");
    EXPECT_EQ(error_of(client_tls({{ops.certificate, "c"}, {ops.key, "k"}, {"", "a"}})), "none")
        << "the system's authorities";
}

TEST_F(Tls, AFileThatCannotBeReadIsNamed) {
    const std::string missing = "/nonexistent/x.pem";
    const auto why = missing + ": cannot read: No such file or directory";
    EXPECT_EQ(server(missing, good_.key, ca()), "f:1:2: crt: " + why);
    EXPECT_EQ(server(good_.certificate, missing, ca()), "f:3:4: key: " + why);
    EXPECT_EQ(server(good_.certificate, good_.key, missing), "f:5:6: ca: " + why);
}

TEST_F(Tls, AFileThatIsNoPemIsNamed) {
    const auto text = authority_.folder().write("text", "no certificate\n");
    const auto empty = authority_.folder().write("empty", "");
    for (const auto &file : {text, empty}) {
        EXPECT_EQ(server(file, good_.key, ca()),
                  "f:1:2: crt: " + file + ": holds no certificate in PEM form");
        EXPECT_EQ(server(good_.certificate, good_.key, file),
                  "f:5:6: ca: " + file + ": holds no certificate in PEM form");
    }
    EXPECT_EQ(server(good_.certificate, text, ca()),
              "f:3:4: key: " + text + ": holds no private key in PEM form");
    EXPECT_EQ(server(good_.certificate, good_.certificate, ca()),
              "f:3:4: key: " + good_.certificate + ": holds no private key in PEM form");
    EXPECT_EQ(server(good_.key, good_.key, ca()),
              "f:1:2: crt: " + good_.key + ": holds no certificate in PEM form");
}

TEST_F(Tls, ADamagedCertificateIsRefused) {
    auto text = test::read_file(good_.certificate);
    text.replace(60, 20, "AAAAAAAAAAAAAAAAAAAA");
    const auto damaged = authority_.folder().write("damaged.pem", text);
    EXPECT_EQ(
        server(damaged, good_.key, ca()).find("f:1:2: crt: " + damaged + ": cannot be used: "), 0U);
}

TEST_F(Tls, AKeyOfAnotherCertificateIsRefused) {
    const auto other = authority_.sign_server("other", "IP:192.0.2.6");
    EXPECT_EQ(
        server(good_.certificate, other.key, ca()),
        "f:3:4: key: " + other.key + ": is not the key of the certificate " + good_.certificate);
    const auto rsa = authority_.path("rsa.key");
    ASSERT_EQ(test::run({"openssl", "genrsa", "-out", rsa, "2048"}).status, 0);
    EXPECT_EQ(server(good_.certificate, rsa, ca()),
              "f:3:4: key: " + rsa + ": is not the key of the certificate " + good_.certificate);
}

TEST_F(Tls, AnEncryptedKeyIsRefusedAndNobodyIsAsked) {
    const auto encrypted = authority_.path("encrypted.key");
    ASSERT_EQ(test::run({"openssl", "pkey", "-in", good_.key, "-aes256", "-passout", "pass:secret",
                         "-out", encrypted})
                  .status,
              0);
    EXPECT_EQ(server(good_.certificate, encrypted, ca()),
              "f:3:4: key: " + encrypted +
                  ": is encrypted, and there is nobody to ask for the passphrase");
}

TEST_F(Tls, ACertificateOutOfItsTimeStopsAClientAndNoServer) {
    const auto old = authority_.sign("old", {"/CN=weir", "serverAuth", "", -1});
    EXPECT_EQ(server_with(old), "none") << "the log has a warning";
    EXPECT_EQ(server(good_.certificate, good_.key, old.certificate), "none");
    const auto ops = authority_.sign("ops", {"/CN=ops", "clientAuth", "", -1});
    EXPECT_EQ(error_of(client_tls({{ops.certificate, "--cert"}, {ops.key, ""}, {ca(), ""}}))
                  .find("--cert: " + ops.certificate + ": expired on 20"),
              0U);
}

TEST_F(Tls, ACertificateForAnotherPurposeIsRefused) {
    const auto ops = authority_.sign("ops");
    EXPECT_EQ(server_with(ops), "f:1:2: crt: " + ops.certificate +
                                    ": is not for servers (serverAuth): its extended key usage "
                                    "does not say so");
    EXPECT_EQ(error_of(client_tls({{good_.certificate, "--cert"}, {good_.key, ""}, {ca(), ""}})),
              "--cert: " + good_.certificate +
                  ": is not for clients (clientAuth): its extended key usage does not say so");
}

TEST_F(Tls, ABundleOfAuthoritiesMayHoldSomeThatAreOver) {
    const auto old = authority_.sign("old", {"/CN=old", "", "", -1});
    const auto bundle = authority_.folder().write(
        "bundle.pem", test::read_file(old.certificate) + test::read_file(ca()));
    EXPECT_EQ(server(good_.certificate, good_.key, bundle), "none");
}

}  // namespace
}  // namespace weir
