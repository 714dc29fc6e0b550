// Tells when a file has another content, however it got it: written in place, replaced by a rename
// as editors do, or behind a symbolic link that was swapped, as Kubernetes does.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lb/result.h"

namespace weir {

// The folders in which something may happen that gives `file` another content: its own, and those
// of every symbolic link on the way and of what it names.
std::vector<std::filesystem::path> folders_of(const std::filesystem::path &file);

class FileWatch : public std::enable_shared_from_this<FileWatch> {
  public:
    // `changed` is called when the file has come to rest with a content that is not `last_read`:
    // what its reader, who outlives the watch, has seen of it, before the watch began as well. A
    // file that is gone is waited for. Exit::refused when the kernel gives no more watches. It ends
    // with its owner; a handler that is on its way then does nothing.
    static Result<std::shared_ptr<FileWatch>> open(boost::asio::io_context &loop, std::string file,
                                                   const std::string &last_read,
                                                   std::function<void()> changed);

  private:
    FileWatch(boost::asio::io_context &loop, int inotify, std::string file,
              const std::string &last_read, std::function<void()> changed);
    void watch_folders();
    void wait_for_event();
    void wait_for_rest();
    void drain();

    boost::asio::posix::stream_descriptor inotify_;
    boost::asio::steady_timer timer_;
    std::string file_;
    const std::string &last_read_;
    std::function<void()> changed_;
};

}  // namespace weir
