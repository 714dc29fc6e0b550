// A temporary folder that goes away with its owner.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace weir::test {

class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir &) = delete;
    TempDir &operator=(const TempDir &) = delete;
    TempDir(TempDir &&) = delete;
    TempDir &operator=(TempDir &&) = delete;

    const std::filesystem::path &path() const { return path_; }
    // Writes `text` to a file of that name and returns its whole path.
    std::string write(std::string_view name, std::string_view text) const;

  private:
    std::filesystem::path path_;
};

// The whole file as text; an empty string when it cannot be read.
std::string read_file(const std::filesystem::path &path);

}  // namespace weir::test
