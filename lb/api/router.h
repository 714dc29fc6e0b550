// Which function answers which method and path.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lb/api/http.h"

namespace weir {

class Router {
  public:
    // `names` are what stood in the place of the braces, in their order.
    using Names = std::vector<std::string>;
    using Handler =
        std::function<void(const HttpRequest &, const Names &names, const HttpRespond &)>;

    struct Route {
        std::string method;
        std::string path;  // "/v1/services/{service}/backends/{backend}"
        Handler handler;
    };

    void add(std::string method, std::string path, Handler handler);
    // 404 for a path that no route has, 405 for a method that none of its routes has.
    void handle(const HttpRequest &request, const HttpRespond &respond) const;
    const std::vector<Route> &routes() const { return routes_; }

  private:
    std::vector<Route> routes_;
};

}  // namespace weir
