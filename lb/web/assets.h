// The files of the status page, as they are in this folder, inside of the binary.
#pragma once

#include <span>
#include <string_view>

#include "lb/api/http.h"

namespace weir {

struct Asset {
    std::string_view name;  // "page.html"
    std::string_view content_type;
    std::string_view etag;  // of its content, quoted as in the header
    std::string_view body;
};

std::span<const Asset> assets();

// 200; 304 when the request names the content that it has already; 404. With headers that let the
// page load nothing from anywhere else, and run nothing but its own files.
HttpResponse answer_asset(std::string_view name, const HttpRequest &request);

}  // namespace weir
