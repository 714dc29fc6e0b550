// A file that appears whole or not at all: what is written goes to a file without a name, which
// takes the place of `path` only at the end.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "lb/result.h"

namespace weir {

struct StreamCloser {
    void operator()(std::FILE *stream) const;  // leaves stdin and stdout open
};
using Stream = std::unique_ptr<std::FILE, StreamCloser>;

class OutputFile {
  public:
    // "-" is standard output. A pipe or a device is written to directly. Exit::usage when the path
    // cannot be written to; the message names it.
    static Result<OutputFile> create(const std::string &path);

    ~OutputFile();  // without commit(): nothing is left
    OutputFile(OutputFile &&other) noexcept;
    OutputFile &operator=(OutputFile &&other) noexcept;
    OutputFile(const OutputFile &) = delete;
    OutputFile &operator=(const OutputFile &) = delete;

    std::FILE *stream() const { return stream_.get(); }
    const std::string &path() const { return path_; }
    // Exit::refused when the system could not take everything (disk full).
    Result<void> commit();

  private:
    OutputFile() = default;
    Result<void> place();
    void discard();

    std::string path_;                 // as the user named it
    std::filesystem::path target_;     // empty: written to directly
    std::filesystem::path temporary_;  // beside target_
    bool named_ = false;               // whether temporary_ exists
    Stream stream_;
};

// Whether two paths lead to one file, which may not exist yet. Devices and pipes are no files.
bool same_file(const std::string &one, const std::string &other);

}  // namespace weir
