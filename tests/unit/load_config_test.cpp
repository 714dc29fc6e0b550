// Files that cannot be read, and what is said of them.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "lb/config/config.h"
#include "tests/support/temp.h"

namespace weir {
namespace {

const std::string kReference = WEIR_SOURCE_DIR "/deploy/weir.yaml";

std::string load_error(const std::string &file) {
    const auto config = load_config(file);
    if (config)
        return "loaded";
    EXPECT_EQ(config.error().exit, Exit::usage);
    return config.error().message;
}

TEST(LoadConfig, SaysWhyAFileCannotBeRead) {
    const test::TempDir dir;
    const std::string missing = dir.path() / "missing.yaml";
    EXPECT_EQ(load_error(missing), missing + ": cannot read: No such file or directory");
    EXPECT_EQ(load_error(dir.path()), dir.path().string() + ": cannot read: Is a directory");
    EXPECT_EQ(load_error(""), ": cannot read: No such file or directory");
    EXPECT_EQ(load_error("/dev/zero"), "/dev/zero: cannot read: larger than 16 MiB");
}

TEST(LoadConfig, NamesTheFileInItsErrors) {
    const test::TempDir dir;
    const std::string empty = dir.write("empty.yaml", "");
    EXPECT_EQ(load_error(empty), empty + ":1:1: the configuration is empty");
    const std::string bad = dir.write("bad.yaml", "services: []\ninstance: a b\n");
    EXPECT_EQ(load_error(bad),
              bad + ":2:11: instance must be 1 to 31 of A-Z a-z 0-9 _ -, not 'a b'");
}

TEST(LoadConfig, LeavesNoDescriptorOpen) {
    rlimit old{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
    const rlimit low{64, old.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (int i = 0; i < 100; ++i) {
        EXPECT_TRUE(load_config(kReference));
        EXPECT_EQ(load_error("/"), "/: cannot read: Is a directory");
    }
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
}

}  // namespace
}  // namespace weir
