#include "lb/replay/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public ::testing::Test {
  protected:
    std::string path(const std::string &name) const { return (folder_.path() / name).string(); }
    std::size_t entries() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
    }

    TempDir folder_;
};

TEST_F(OutputFileTest, AppearsOnlyWhenItIsWhole) {
    const auto old = folder_.write("out", "old");
    auto file = OutputFile::create(old);
    ASSERT_TRUE(file) << file.error().message;
    std::fputs("new", file->stream());
    std::fflush(file->stream());
    EXPECT_EQ(read_file(old), "old");
    ASSERT_TRUE(file->commit());
    EXPECT_EQ(read_file(old), "new");
    EXPECT_EQ(entries(), 1U);
}

TEST_F(OutputFileTest, LeavesNothingWhenItIsGivenUp) {
    {
        auto file = OutputFile::create(path("out"));
        ASSERT_TRUE(file);
        std::fputs("half", file->stream());
        std::fflush(file->stream());
    }
    EXPECT_EQ(entries(), 0U);
}

TEST_F(OutputFileTest, HasThePermissionsOfAnyNewFile) {
    const mode_t mask = umask(022);
    auto file = OutputFile::create(path("out"));
    ASSERT_TRUE(file && file->commit());
    umask(mask);
    EXPECT_EQ(fs::status(path("out")).permissions(), fs::perms(0644));
}

TEST_F(OutputFileTest, WritesThroughASymbolicLink) {
    const auto target = folder_.write("target", "old");
    fs::create_symlink(target, path("link"));
    auto file = OutputFile::create(path("link"));
    ASSERT_TRUE(file);
    std::fputs("new", file->stream());
    ASSERT_TRUE(file->commit());
    EXPECT_TRUE(fs::is_symlink(path("link")));
    EXPECT_EQ(read_file(target), "new");
}

TEST_F(OutputFileTest, DoesNotReplaceADevice) {
    auto file = OutputFile::create("/dev/null");
    ASSERT_TRUE(file) << file.error().message;
    std::fputs("gone", file->stream());
    EXPECT_TRUE(file->commit());
    EXPECT_EQ(fs::status("/dev/null").type(), fs::file_type::character);
}

TEST_F(OutputFileTest, FullDiskIsTheSystemsRefusal) {
    auto file = OutputFile::create("/dev/full");
    ASSERT_TRUE(file);
    std::fputs("much", file->stream());
    const auto done = file->commit();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().exit, Exit::refused);
    EXPECT_EQ(done.error().message, "/dev/full: cannot write: No space left on device");
}

TEST_F(OutputFileTest, APathThatCannotBeWrittenIsAUsageError) {
    for (const auto &bad : {path("no/folder/out"), folder_.path().string()}) {
        const auto file = OutputFile::create(bad);
        ASSERT_FALSE(file);
        EXPECT_EQ(file.error().exit, Exit::usage);
        EXPECT_EQ(file.error().message.rfind(bad + ": cannot write: ", 0), 0U);
    }
}

TEST_F(OutputFileTest, OneFileUnderTwoNamesIsOneFile) {
    const auto file = folder_.write("file", "");
    fs::create_symlink(file, path("link"));
    EXPECT_TRUE(same_file(file, path("link")));
    EXPECT_TRUE(same_file(path("new"), folder_.path().string() + "/./new"));
    EXPECT_FALSE(same_file(file, path("new")));
    EXPECT_FALSE(same_file("/dev/null", "/dev/null"));
}

}  // namespace
}  // namespace weir::test
