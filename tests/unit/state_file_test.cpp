// The state file on real file systems: also on one that is full, and on one that is read-only.
#include "lb/daemon/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/support/temp.h"
#include "tests/support/value.h"

namespace weir {
namespace {

using test::value_of;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

const Overrides kOverrides{
    {{"web", *Endpoint::parse("198.51.100.11:8443")}, {Admin::drain, {}}},
    {{"web", *Endpoint::parse("[2001:db8::1]:80")}, {Admin::maintenance, 0}},
    {{"dns", *Endpoint::parse("198.51.100.13:53")}, {Admin::enabled, 65535}}};

unsigned mode_of(const fs::path &path) {
    struct stat seen {};
    return ::stat(path.c_str(), &seen) == 0 ? seen.st_mode & 07777U : 0;
}

std::vector<std::string> names_in(const fs::path &folder) {
    std::vector<std::string> names;
    for (const auto &entry : fs::directory_iterator(folder))
        names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
}

TEST(StateText, ReadsBackWhatItPrints) {
    EXPECT_EQ(value_of(parse_overrides(print_overrides(kOverrides))), kOverrides);
    EXPECT_EQ(value_of(parse_overrides(print_overrides({}))), Overrides{});
    EXPECT_EQ(nlohmann::json::parse(print_overrides({*kOverrides.rbegin()})),
              nlohmann::json::parse(R"({"version": 1, "overrides": [{"service": "web",
                  "backend": "[2001:db8::1]:80", "admin": "maintenance", "weight": 0}]})"));
}

TEST(StateText, PassesOverKeysThatALaterVersionMayAdd) {
    EXPECT_EQ(value_of(parse_overrides(R"({"version": 1, "since": 3, "overrides": [{"by": "me",
        "service": "a", "backend": "192.0.2.1:80", "admin": "drain"},
        {"service": "b", "backend": "192.0.2.1:80", "admin": "enabled", "weight": null}]})")),
              (Overrides{{{"a", *Endpoint::parse("192.0.2.1:80")}, {Admin::drain, {}}}}))
        << "and what says nothing";
}

TEST(StateText, RefusesEverythingElse) {
    const auto with = [](const std::string &list) {
        return R"({"version": 1, "overrides": )" + list + "}";
    };
    const std::string good =
        R"({"service": "a", "backend": "192.0.2.1:80", "admin": "drain", "weight": 1})";
    ASSERT_TRUE(parse_overrides(with("[" + good + "]")));
    const std::vector<std::string> bad{
        "",
        "{",
        "[]",
        "null",
        "{}",
        std::string(100000, '['),
        R"({"overrides": []})",
        R"({"version": 2, "overrides": []})",
        R"({"version": "1", "overrides": []})",
        R"({"version": 1})",
        with("{}"),
        with("[1]"),
        with("[" + good + "," + good + "]"),
        with(R"([{"backend": "192.0.2.1:80", "admin": "drain"}])"),
        with(R"([{"service": 1, "backend": "192.0.2.1:80", "admin": "drain"}])"),
        with(R"([{"service": "a", "backend": "192.0.2.1", "admin": "drain"}])"),
        with(R"([{"service": "a", "backend": "192.0.2.1:80", "admin": "off"}])"),
        with(R"([{"service": "a", "backend": "192.0.2.1:80"}])"),
        with(R"([{"service": "a", "backend": "192.0.2.1:80", "admin": "drain", "weight": 65536}])"),
        with(R"([{"service": "a", "backend": "192.0.2.1:80", "admin": "drain", "weight": "1"}])"),
        with("[" + good + "]") + "}"};
    for (const auto &text : bad) {
        const auto done = parse_overrides(text);
        ASSERT_FALSE(done) << text;
        EXPECT_EQ(done.error().message.find('\n'), std::string::npos);
    }
    // a file cut short anywhere
    const auto whole = print_overrides(kOverrides);
    for (std::size_t length = 0; length + 2 < whole.size(); length++)
        EXPECT_FALSE(parse_overrides(whole.substr(0, length))) << length;
}

TEST(StateFile, KeepsOverridesInAFileOfItsOwnersOnly) {
    const test::TempDir folder;
    const auto path = folder.path() / "weir" / "default.json";
    const StateFile file(path);
    const auto none = file.load();
    EXPECT_EQ(none.overrides, Overrides{});
    EXPECT_EQ(none.warning, "");
    const auto mask = ::umask(077);
    value_of(file.save(kOverrides));
    ::umask(mask);
    EXPECT_EQ(mode_of(path.parent_path()), 0755U) << "whatever the umask takes";
    ::umask(0);
    value_of(file.save(kOverrides));
    ::umask(mask);
    EXPECT_EQ(mode_of(path), 0600U) << "whatever it leaves";
    EXPECT_EQ(file.load().overrides, kOverrides);
    value_of(file.save({}));
    EXPECT_EQ(file.load().overrides, Overrides{});
    EXPECT_EQ(names_in(path.parent_path()), std::vector<std::string>{"default.json"});
}

TEST(StateFile, MakesNoFoldersAboveItsOwn) {
    const test::TempDir folder;
    const auto saved = StateFile(folder.path() / "a" / "b" / "state.json").save({});
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().exit, Exit::refused);
    EXPECT_THAT(saved.error().message, HasSubstr("a/b: cannot make the folder: No such file"));
}

TEST(StateFile, WhatACrashLeftBehindIsInNobodysWay) {
    const test::TempDir folder;
    const auto path = folder.path() / "state.json";
    const auto elsewhere = folder.write("elsewhere", "untouched");
    fs::create_symlink(elsewhere, path.string() + ".tmp");
    value_of(StateFile(path).save(kOverrides));
    EXPECT_EQ(StateFile(path).load().overrides, kOverrides);
    EXPECT_EQ(test::read_file(elsewhere), "untouched");
}

TEST(StateFile, ABadOneIsKeptUnderAnotherName) {
    const test::TempDir folder;
    const auto path = folder.write("state.json", "{\"version\": 1, \"overr");
    const auto loaded = StateFile(path).load();
    EXPECT_EQ(loaded.overrides, Overrides{});
    EXPECT_THAT(loaded.warning,
                AllOf(HasSubstr(path + ": "), HasSubstr("it is kept as " + path + ".bad")));
    EXPECT_EQ(loaded.warning.find('\n'), std::string::npos);
    EXPECT_EQ(test::read_file(path + ".bad"), "{\"version\": 1, \"overr");
    EXPECT_FALSE(fs::exists(path));
    EXPECT_EQ(StateFile(path).load().warning, "") << "once";
}

TEST(StateFile, WhatIsNoFileIsKeptAsWell) {
    const test::TempDir folder;
    const auto path = folder.path() / "state.json";
    fs::create_directory(path);
    EXPECT_THAT(StateFile(path).load().warning, HasSubstr("no regular file"));
    EXPECT_TRUE(fs::is_directory(path.string() + ".bad"));
    const auto pipe = folder.path() / "pipe.json";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_THAT(StateFile(pipe).load().warning, HasSubstr("no regular file")) << "without waiting";
}

// Runs `test` in a mount namespace of its own, on a file system of `options`.
void on_tmpfs(const char *options, const std::function<void(const fs::path &)> &test) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "mounting takes root";
    const test::TempDir folder;
    std::thread([&] {
        ASSERT_EQ(::unshare(CLONE_FS | CLONE_NEWNS), 0);
        ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        ASSERT_EQ(::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, options), 0);
        test(folder.path());
    }).join();
}

TEST(StateFile, AFullDiskLeavesTheOldOneAndAClearWarning) {
    on_tmpfs("size=4k", [](const fs::path &folder) {
        const StateFile file(folder / "state.json");
        value_of(file.save(kOverrides));
        const auto warning = file.keep({*kOverrides.begin()});
        EXPECT_THAT(warning, AllOf(HasSubstr("the change is in force, but a restart"),
                                   HasSubstr("No space left on device"), HasSubstr("make room")));
        EXPECT_EQ(warning.find('\n'), std::string::npos);
        EXPECT_EQ(file.load().overrides, kOverrides);
        EXPECT_EQ(names_in(folder), std::vector<std::string>{"state.json"});
        ASSERT_EQ(::mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT, "size=64k"), 0);
        EXPECT_EQ(file.keep({*kOverrides.begin()}), "") << "there is room again";
        EXPECT_EQ(file.load().overrides, (Overrides{*kOverrides.begin()}));
    });
}

TEST(StateFile, AReadOnlyFolderIsToldAndWhatIsThereIsRead) {
    on_tmpfs("size=64k", [](const fs::path &folder) {
        const StateFile file(folder / "state.json");
        value_of(file.save(kOverrides));
        std::ofstream(folder / "bad.json") << "nonsense";
        ASSERT_EQ(::mount(nullptr, folder.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
        EXPECT_THAT(file.keep({}), HasSubstr("Read-only file system"));
        EXPECT_THAT(StateFile(folder / "new" / "state.json").keep({}),
                    HasSubstr("new: cannot make the folder: Read-only file system"));
        EXPECT_EQ(file.load().overrides, kOverrides);
        EXPECT_THAT(StateFile(folder / "bad.json").load().warning,
                    HasSubstr("and cannot be renamed to"));
        EXPECT_EQ(test::read_file(folder / "bad.json"), "nonsense");
    });
}

}  // namespace
}  // namespace weir
