// What the clients of the admin API make of an answer, or of none.
#pragma once

#include <boost/system/error_code.hpp>
#include <chrono>
#include <string>

#include "lb/api/documents.h"
#include "lb/result.h"

namespace weir {

// More than the daemon takes for the longest answer.
inline constexpr std::chrono::seconds kAnswerTimeout{30};

// The document of an answer with status 200. Exit::usage when the request was wrong (400, 404, 405,
// 413); Exit::failed for every other answer. `where`: whom was asked, for the message.
Result<Json> judge_answer(unsigned status, const std::string &body, const std::string &where);
// Exit::refused. `patience` is how long an answer was waited for.
tl::unexpected<Error> no_answer(const std::string &where, const boost::system::error_code &error,
                                std::chrono::seconds patience = kAnswerTimeout);

}  // namespace weir
