#include "lb/daemon/file_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;
using testing::UnorderedElementsAre;

class FoldersOf : public testing::Test {
  protected:
    fs::path at() const { return fs::canonical(folder_.path()); }
    TempDir folder_;
};

TEST_F(FoldersOf, APlainFileIsItsOwnWhetherItIsThereOrNot) {
    EXPECT_THAT(folders_of(at() / "weir.yaml"), UnorderedElementsAre(at()));
    folder_.write("weir.yaml", "x");
    EXPECT_THAT(folders_of(at() / "weir.yaml"), UnorderedElementsAre(at()));
}

TEST_F(FoldersOf, ALinkIsItsOwnAndThatOfWhatItNames) {
    fs::create_directories(at() / "real");
    folder_.write("real/weir.yaml", "x");
    fs::create_symlink(at() / "real/weir.yaml", at() / "weir.yaml");
    EXPECT_THAT(folders_of(at() / "weir.yaml"), UnorderedElementsAre(at(), at() / "real"));
}

TEST_F(FoldersOf, EveryLinkOnTheWayCounts) {
    fs::create_directories(at() / "config/..1");
    folder_.write("config/..1/weir.yaml", "x");
    fs::create_directory_symlink("..1", at() / "config/..data");
    fs::create_symlink("..data/weir.yaml", at() / "config/weir.yaml");
    EXPECT_THAT(folders_of(at() / "config/weir.yaml"),
                UnorderedElementsAre(at() / "config", at() / "config/..1"));
}

TEST_F(FoldersOf, ACircleEnds) {
    fs::create_symlink("b", at() / "a");
    fs::create_symlink("a", at() / "b");
    EXPECT_THAT(folders_of(at() / "a"), UnorderedElementsAre(at()));
}

}  // namespace
}  // namespace weir::test
