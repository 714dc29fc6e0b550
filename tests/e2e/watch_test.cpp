// `watch: true`: the file is followed, however it is replaced.
#include <filesystem>

#include "tests/e2e/world.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;

class Watched : public WeirTest {
  protected:
    static std::string text(const std::string &backends, const std::string &more = "") {
        return Settings{.backends_of_web = backends, .more = "watch: true\n" + more}.text();
    }
    std::size_t backends() { return listing({"backends"})["backends"].size(); }
    bool becomes(std::size_t count) {
        return eventually([&] { return backends() == count; }, std::chrono::seconds(5));
    }
    static constexpr auto kOne = "192.0.2.11";
    static constexpr auto kTwo = "192.0.2.11 192.0.2.141";
    static constexpr std::size_t kWithOne = 3, kWithTwo = 5;
};

TEST_F(Watched, AFileThatIsWrittenInPlaceOrReplacedByARenameIsReloaded) {
    const auto file = write_config(text(kOne));
    const auto daemon = start(file);
    EXPECT_EQ(backends(), kWithOne);
    write_config(text(kTwo));
    EXPECT_TRUE(becomes(kWithTwo)) << daemon->err();
    fs::rename(folder().write("weir.yaml.new", text(kOne)), file);
    EXPECT_TRUE(becomes(kWithOne)) << daemon->err();
    fs::remove(file);
    write_config(text(kTwo));
    EXPECT_TRUE(becomes(kWithTwo)) << daemon->err();
}

TEST_F(Watched, ALinkThatIsSwappedAsKubernetesDoesIsReloaded) {
    const auto at = folder().path();
    for (const auto &[name, what] : {std::pair("..1", kOne), std::pair("..2", kTwo)}) {
        fs::create_directory(at / name);
        folder().write(std::string(name) + "/weir.yaml", text(what));
    }
    fs::create_directory_symlink("..1", at / "..data");
    fs::create_symlink("..data/weir.yaml", at / "weir.yaml");
    const auto daemon = start((at / "weir.yaml").string());
    EXPECT_EQ(backends(), kWithOne);
    fs::create_directory_symlink("..2", at / "..new");
    fs::rename(at / "..new", at / "..data");
    EXPECT_TRUE(becomes(kWithTwo)) << daemon->err();
    folder().write("..2/weir.yaml", text(kOne));
    EXPECT_TRUE(becomes(kWithOne)) << "where the link leads now is watched as well";
}

TEST_F(Watched, WhatIsWrittenDuringAStartIsReloaded) {
    const auto file = write_config(text(kOne));
    const Process daemon({WEIR_BINARY, "run", "-c", file}, {.netns = &world().weir});
    // made when the file has been read, long before the first packet
    ASSERT_TRUE(eventually([] { return fs::exists("/run/weir/weir.sock"); })) << daemon.err();
    write_config(text(kTwo));
    EXPECT_TRUE(becomes(kWithTwo)) << daemon.err();
}

TEST_F(Watched, WhatIsWrittenBackRightAfterAReloadIsReloaded) {
    const auto daemon = start(write_config(text(kOne)));
    write_config(text(kTwo));
    daemon->kill(SIGHUP);
    ASSERT_TRUE(daemon->wait_for_err("reloaded ")) << daemon->err();
    write_config(text(kOne));
    EXPECT_TRUE(becomes(kWithOne)) << daemon->err();
}

TEST_F(Watched, ABadFileIsToldOfOnceHoweverItIsRead) {
    const auto daemon = start(write_config(text(kOne)));
    write_config(text(kTwo, "nonsense: 1\n"));
    daemon->kill(SIGHUP);
    ASSERT_TRUE(daemon->wait_for_err("reload refused: ")) << daemon->err();
    const auto said = lines(daemon->err());
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    folder().write("other.yaml", "x");
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    EXPECT_EQ(lines(daemon->err()), said) << daemon->err();
}

TEST_F(Watched, OtherFilesAndTheSameContentAreNoReload) {
    const auto file = write_config(text(kOne));
    const auto daemon = start(file);
    const auto said = lines(daemon->err());
    folder().write("other.yaml", "x");
    write_config(text(kOne));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    EXPECT_EQ(lines(daemon->err()), said) << daemon->err();
}

TEST_F(Watched, I8ABadFileChangesNothingAndTheNextGoodOneIsTaken) {
    const auto daemon = start(write_config(text(kOne)));
    write_config(text(kTwo, "nonsense: 1\n"));
    ASSERT_TRUE(daemon->wait_for_err("reload refused: ")) << daemon->err();
    EXPECT_EQ(backends(), kWithOne);
    write_config(text(kTwo));
    EXPECT_TRUE(becomes(kWithTwo)) << daemon->err();
}

TEST_F(Watched, AReloadSwitchesTheWatchOnAndOff) {
    const auto daemon = start(write_config(Settings{.backends_of_web = kOne}.text()));
    write_config(text(kTwo));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    EXPECT_EQ(backends(), kWithOne) << "nobody watches yet";
    daemon->kill(SIGHUP);
    EXPECT_TRUE(becomes(kWithTwo));
    write_config(Settings{.backends_of_web = kOne}.text());
    EXPECT_TRUE(becomes(kWithOne));
    write_config(text(kTwo));
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    EXPECT_EQ(backends(), kWithOne) << "nobody watches any more";
}

}  // namespace
}  // namespace weir::test
