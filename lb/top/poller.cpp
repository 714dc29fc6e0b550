#include "lb/top/poller.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lb/api/client.h"

namespace weir {
namespace {

constexpr std::chrono::seconds kPatience{5};

struct Document {
    const char *target;
    Result<void> (*read)(TopSample &, const Json &, TopTime);
};
constexpr std::array<Document, 3> kDocuments{{{"/v1/status", read_status},
                                              {"/v1/services", read_services},
                                              {"/v1/backends", read_backends}}};

}  // namespace

TopPoller::TopPoller(boost::asio::io_context &loop, std::string socket,
                     std::chrono::milliseconds interval, Take take)
    : loop_(loop),
      timer_(loop),
      socket_(std::move(socket)),
      interval_(interval),
      take_(std::move(take)),
      next_(std::chrono::steady_clock::now()) {
    ask();
}

void TopPoller::ask() {
    sample_ = {};
    ask_for(0);
}

void TopPoller::ask_for(std::size_t document) {
    const auto &wanted = kDocuments.at(document);
    api_call(loop_, socket_, {"GET", wanted.target}, kPatience,
             [this, document, &wanted](const Result<Json> &answer) {
                 const auto read = answer.and_then([&](const Json &told) {
                     return wanted.read(sample_, told, std::chrono::steady_clock::now());
                 });
                 if (!read)
                     return end(tl::make_unexpected(read.error()));
                 if (document + 1 < kDocuments.size())
                     return ask_for(document + 1);
                 end(std::move(sample_));
             });
}

void TopPoller::end(Result<TopSample> result) {
    take_(std::move(result));
    // one that was late makes no up for it
    next_ = std::max(next_ + interval_, std::chrono::steady_clock::now());
    timer_.expires_at(next_);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error)
            ask();
    });
}

}  // namespace weir
